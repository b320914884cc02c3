#include "tests/kernels/reference_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace moetune::kernels::reference {

namespace {

/// sign, exponent and mantissa of a small float format, by the definition.
double decode_bits(std::uint32_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double mantissa = static_cast<double>(bits & ((1u << mantissa_bits) - 1)) / (1 << mantissa_bits);
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const bool negative = (bits >> (mantissa_bits + exponent_bits)) != 0;
  const bool all_ones = exponent == (1 << exponent_bits) - 1;
  // e4m3 has no infinity and one NaN; the others have both, and no test expects either.
  if (all_ones && (exponent_bits != 4 || (bits & 7) == 7)) return std::nan("");
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, 1 - bias) : std::ldexp(1 + mantissa, exponent - bias);
  return negative ? -magnitude : magnitude;
}

template <typename T>
std::vector<T> reinterpret(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace

std::vector<double> decode(std::span<const std::byte> bytes, Operand type) {
  std::vector<double> values;
  if (type == Operand::fp8_e4m3) {
    for (const auto byte : bytes) values.push_back(decode_bits(static_cast<std::uint32_t>(byte), 4, 3));
    return values;
  }
  if (type == Operand::int8) {
    for (const auto byte : reinterpret<std::int8_t>(bytes)) values.push_back(byte);
    return values;
  }
  for (const auto bits : reinterpret<std::uint16_t>(bytes)) {
    values.push_back(type == Operand::float16 ? decode_bits(bits, 5, 10) : decode_bits(bits, 8, 7));
  }
  return values;
}

std::vector<double> decode_floats(std::span<const std::byte> bytes) {
  const auto floats = reinterpret<float>(bytes);
  return {floats.begin(), floats.end()};
}

std::vector<std::int32_t> decode_ints(std::span<const std::byte> bytes) {
  return reinterpret<std::int32_t>(bytes);
}

std::vector<double> gemm(const schema::Problem& problem, std::int64_t batch, Gemm which, const Operands& operands) {
  const auto shape = gemm_shape(problem, batch, which);
  const auto n = static_cast<std::size_t>(shape.n), k = static_cast<std::size_t>(shape.k);
  const auto pairs = static_cast<std::size_t>(batch * problem.topk);
  const auto scale_of_a = [&](std::size_t row, std::size_t i) {
    if (operands.a_scale.empty()) return 1.0;
    if (!problem.block_shape) return operands.a_scale[problem.per_channel_quant ? row : 0];
    const auto block = static_cast<std::size_t>(problem.block_shape->k);
    return operands.a_scale[row * ((k + block - 1) / block) + i / block];
  };
  const auto scale_of_w = [&](std::size_t expert, std::size_t column, std::size_t i) {
    if (operands.w_scale.empty()) return 1.0;
    if (problem.block_shape) {
      const auto block_n = static_cast<std::size_t>(problem.block_shape->n);
      const auto block_k = static_cast<std::size_t>(problem.block_shape->k);
      const auto rows = (n + block_n - 1) / block_n, columns = (k + block_k - 1) / block_k;
      return operands.w_scale[(expert * rows + column / block_n) * columns + i / block_k];
    }
    const bool by_channel = problem.per_channel_quant || problem.dtype == schema::Dtype::int8_w8a16;
    return operands.w_scale[by_channel ? expert * n + column : expert];
  };
  std::vector<double> c(pairs * n);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const auto row = pair / static_cast<std::size_t>(shape.top_k);
    const auto expert = static_cast<std::size_t>(operands.topk_ids[pair]);
    for (std::size_t column = 0; column < n; ++column) {
      double sum = 0;
      for (std::size_t i = 0; i < k; ++i) {
        sum += operands.a[row * k + i] * scale_of_a(row, i) * operands.w[(expert * n + column) * k + i] *
               scale_of_w(expert, column, i);
      }
      c[pair * n + column] = shape.mul_routed_weight ? sum * operands.topk_weights[pair] : sum;
    }
  }
  return c;
}

std::vector<double> activate(const schema::Problem& problem, const std::vector<double>& in) {
  const auto n = static_cast<std::size_t>(problem.intermediate_size);
  const std::size_t width = problem.gated ? 2 * n : n;
  std::vector<double> out;
  for (std::size_t row = 0; row < in.size() / width; ++row) {
    for (std::size_t column = 0; column < n; ++column) {
      const double gate = in[row * width + column];
      if (problem.gated) {
        out.push_back(gate / (1 + std::exp(-gate)) * in[row * width + n + column]);
      } else {
        out.push_back(gate > 0 ? gate * gate : 0);
      }
    }
  }
  return out;
}

std::vector<double> reduce(const std::vector<double>& in, std::int64_t topk, std::int64_t n) {
  const auto width = static_cast<std::size_t>(n), count = static_cast<std::size_t>(topk);
  std::vector<double> out(in.size() / count);
  for (std::size_t i = 0; i < in.size(); ++i) out[i / width / count * width + i % width] += in[i];
  return out;
}

Alignment align(const schema::Problem& problem, std::int64_t batch, int block_size_m,
                const std::vector<std::int32_t>& topk_ids, const AlignmentRule& rule) {
  const auto pairs = static_cast<std::int32_t>(batch * problem.topk);
  Alignment aligned;
  if (rule.naive && pairs * 4 <= problem.num_experts) {
    aligned.expert_ids = topk_ids;
    aligned.num_tokens_post_padded = pairs * block_size_m;
    return aligned;
  }
  for (std::int32_t expert = 0; expert < problem.num_experts; ++expert) {
    std::int32_t count = 0;
    for (std::int32_t pair = 0; pair < pairs; ++pair) {
      if (topk_ids[static_cast<std::size_t>(pair)] != expert) continue;
      aligned.sorted_token_ids.push_back(pair);
      ++count;
    }
    for (; count % block_size_m != 0; ++count) aligned.sorted_token_ids.push_back(pairs);
    for (std::int32_t block = 0; block < count / block_size_m; ++block) aligned.expert_ids.push_back(expert);
  }
  aligned.num_tokens_post_padded = static_cast<std::int32_t>(aligned.sorted_token_ids.size());
  return aligned;
}

double relative_error(const std::vector<double>& actual, const std::vector<double>& expected) {
  if (actual.size() != expected.size()) return std::nan("");
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

}  // namespace moetune::kernels::reference
