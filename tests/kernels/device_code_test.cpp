// The arithmetic of the step's device code, on the CPU.
#include "tests/kernels/device_on_host.hpp"
// The order matters: the device code needs what stands above.
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/random.cuh"
#include "kernels/cuda/reference.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <span>

#include "kernels/quantisation.hpp"
#include "tests/kernels/problem_forms.hpp"
#include "tests/kernels/reference_step.hpp"

namespace moetune::kernels {
namespace {

using on_host::launch;
using testing::ProblemForm;

constexpr unsigned k_threads = 64;

int code_of(Operand operand) {
  return static_cast<int>(operand);
}

std::vector<std::byte> random_tensor(Operand type, std::int64_t count, float deviation, std::uint64_t seed) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(count * bytes_of(type)));
  launch({3, 1, 1}, k_threads, [&] { ::random_values(bytes.data(), count, code_of(type), deviation, seed); });
  return bytes;
}

std::vector<float> random_scales(std::int64_t count, std::uint64_t seed) {
  std::vector<float> scales(static_cast<std::size_t>(count));
  launch({2, 1, 1}, k_threads, [&] { ::random_floats(scales.data(), count, 0.5F, 1.5F, seed); });
  return scales;
}

TEST(DeviceNumbersTest, EveryCodeIsTheNumberThatItsFormatSays) {
  for (const auto type : {Operand::bfloat16, Operand::float16, Operand::fp8_e4m3, Operand::int8}) {
    const int codes = bytes_of(type) == 2 ? 65536 : 256;
    for (int code = 0; code < codes; ++code) {
      const auto bits = static_cast<std::uint16_t>(code);
      const auto bytes = std::as_bytes(std::span(&bits, 1)).first(static_cast<std::size_t>(bytes_of(type)));
      const double expected = reference::decode(bytes, type).at(0);
      if (std::isnan(expected)) continue;
      const auto kind = static_cast<moetune::Type>(code_of(type));
      ASSERT_EQ(moetune::read_value(&bits, 0, kind), expected) << name_of(type) << " " << code;
      std::uint16_t written = 0;
      moetune::write_value(&written, 0, kind, static_cast<float>(expected));
      const bool outside = type == Operand::int8 && code == 128;  // -128: quantised weights end at -127
      ASSERT_EQ(written, outside ? 129 : code) << name_of(type) << " " << expected;
    }
  }
}

TEST(DeviceNumbersTest, WhatIsNoNumberStaysNone) {
  const std::uint16_t poison = 0xFFFF;
  for (const auto type : {moetune::Type::bfloat16, moetune::Type::float16}) {
    EXPECT_TRUE(std::isnan(moetune::read_value(&poison, 0, type)));
    std::uint16_t written = 0;
    moetune::write_value(&written, 0, moetune::Type::float16, std::numeric_limits<float>::quiet_NaN());
    EXPECT_TRUE(std::isnan(moetune::read_value(&written, 0, moetune::Type::float16)));
  }
}

TEST(DeviceNumbersTest, NumbersBetweenTwoCodesGoToTheNearer) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  for (int i = 0; i < 100000; ++i) {
    const float value = normal(random) * std::exp2f(static_cast<float>(i % 24 - 20));
    const auto error_of = [&](moetune::Type type) {
      std::uint16_t code = 0;
      moetune::write_value(&code, 0, type, value);
      return std::abs(static_cast<double>(moetune::read_value(&code, 0, type)) - static_cast<double>(value));
    };
    const double size = std::abs(static_cast<double>(value));
    ASSERT_LE(error_of(moetune::Type::bfloat16), size / 256) << value;
    ASSERT_LE(error_of(moetune::Type::float16), std::max(size / 2048, 0x1p-25)) << value;
    if (size < 448) {
      ASSERT_LE(error_of(moetune::Type::fp8_e4m3), std::max(size / 16, 0x1p-10)) << value;
    }
    if (size < 127) {
      ASSERT_LE(error_of(moetune::Type::int8), 0.5) << value;
    }
  }
}

TEST(RandomOnHostTest, QuantisedWeightsAreNeverZeroAndFillTheirRange) {
  constexpr std::int64_t k_count = 20011;
  const auto values = reference::decode(random_tensor(Operand::int8, k_count, 32, 5), Operand::int8);
  EXPECT_EQ(std::ranges::count(values, 0.0), 0);
  EXPECT_GT(std::ranges::max(values), 100);
  EXPECT_LT(std::ranges::min(values), -100);
  EXPECT_LE(std::ranges::max(values), 127);
  double squares = 0;
  for (const double value : values) squares += value * value;
  EXPECT_NEAR(std::sqrt(squares / k_count), 32, 0.7);
}

/// Checks codes and unit of a span of values that share a scale.
void expect_quantised(std::span<const double> values, std::span<const double> codes, double unit) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  ASSERT_NEAR(unit, largest / 448, largest * 1e-6);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double wanted = values[i] / unit;
    ASSERT_LE(std::abs(codes[i] - wanted), std::max(std::abs(wanted) / 16, 0x1p-10) * 1.00001) << i;
  }
}

TEST(QuantiseOnHostTest, ARowHasTheScaleOfItsLargestValue) {
  constexpr std::int64_t k_rows = 5, k_columns = 336;
  const auto in = random_tensor(Operand::bfloat16, k_rows * k_columns, 3, 9);
  std::vector<std::byte> out(k_rows * k_columns);
  std::vector<float> scale(k_rows);
  launch({3, 1, 1}, k_threads, [&] {
    ::quantise(in.data(), reinterpret_cast<unsigned char*>(out.data()), scale.data(), k_rows, k_columns, k_columns,
               code_of(Operand::bfloat16));
  });
  const auto values = reference::decode(in, Operand::bfloat16);
  const auto codes = reference::decode(out, Operand::fp8_e4m3);
  for (std::size_t row = 0; row < k_rows; ++row) {
    expect_quantised(std::span(values).subspan(row * k_columns, k_columns),
                     std::span(codes).subspan(row * k_columns, k_columns), static_cast<double>(scale[row]));
  }
}

TEST(QuantiseOnHostTest, ATensorHasTheScaleOfItsLargestValueHoweverItIsCut) {
  constexpr std::int64_t k_count = 5 * 336;
  auto in = random_tensor(Operand::float16, k_count, 3, 9);
  const auto values = reference::decode(in, Operand::float16);
  const auto type = code_of(Operand::float16);
  float first = 0;
  for (const unsigned blocks : {1U, 2U, 7U, 40U}) {
    float scale = 17;  // of the tensor before
    std::vector<std::byte> out(k_count);
    ::forget_scale(&scale);
    launch({blocks, 1, 1}, k_threads, [&] { ::collect_scale(in.data(), &scale, k_count, type); });
    launch({blocks, 1, 1}, k_threads,
           [&] { ::encode_by_scale(in.data(), reinterpret_cast<unsigned char*>(out.data()), &scale, k_count, type); });
    if (first == 0) first = scale;
    EXPECT_EQ(scale, first);
    expect_quantised(values, reference::decode(out, Operand::fp8_e4m3), static_cast<double>(scale));
  }
}

TEST(QuantiseOnHostTest, ATensorOfZerosHasAScaleAllTheSame) {
  const std::vector<std::uint16_t> in(100);
  std::vector<unsigned char> out(100, 1);
  float scale = 0;
  launch({1, 1, 1}, k_threads, [&] { ::collect_scale(in.data(), &scale, 100, code_of(Operand::bfloat16)); });
  launch({1, 1, 1}, k_threads,
         [&] { ::encode_by_scale(in.data(), out.data(), &scale, 100, code_of(Operand::bfloat16)); });
  EXPECT_GT(scale, 0);
  EXPECT_EQ(std::ranges::count(out, 0), 100);
}

/// The reference on the device, of the shapes and layouts that StepKernels::reference_gemm hands it.
class ReferenceOnHostTest : public ::testing::TestWithParam<ProblemForm> {};

TEST_P(ReferenceOnHostTest, ComputesWhatFloat64Does) {
  auto problem = GetParam().of(5, 20, 28, 2);
  constexpr std::int64_t k_batch = 3;
  for (const bool early : {false, true}) {
    problem.router_weight_on_input = early;
    for (const auto gemm : {Gemm::first, Gemm::second}) {
      const auto shape = gemm_shape(problem, k_batch, gemm);
      const auto pairs = k_batch * problem.topk;
      const auto a = random_tensor(activation_operand(problem), shape.a_rows * shape.k, 1, 1);
      const auto w = random_tensor(weight_operand(problem), problem.num_experts * shape.n * shape.k, 4, 2);
      const auto a_scale = random_scales(activation_scales(problem, shape.a_rows, shape.n, shape.k), 3);
      const auto w_scale = random_scales(weight_scales(problem, shape.n, shape.k), 4);
      std::vector<int> ids(static_cast<std::size_t>(pairs));
      std::vector<float> router(ids.size());
      launch({1, 1, 1}, k_threads, [&] {
        ::random_routing(ids.data(), router.data(), k_batch, static_cast<int>(problem.topk),
                         static_cast<int>(problem.num_experts), 5);
      });
      const auto group = scale_group(problem, shape.n, shape.k).value_or(ScaleGroup{.columns = 1, .depth = shape.k});
      std::vector<float> out(ids.size() * static_cast<std::size_t>(shape.n));
      launch({1, 2, 1}, k_threads, [&] {
        ::reference_gemm(a.data(), w.data(), a_scale.empty() ? nullptr : a_scale.data(),
                         w_scale.empty() ? nullptr : w_scale.data(), router.data(), ids.data(), out.data(), 0, 1, pairs,
                         static_cast<int>(shape.n), static_cast<int>(shape.k), static_cast<int>(shape.top_k),
                         shape.mul_routed_weight ? 1 : 0, static_cast<int>(group.columns),
                         static_cast<int>(group.depth),
                         group.rows_share ? 0 : static_cast<int>((shape.k + group.depth - 1) / group.depth),
                         code_of(activation_operand(problem)), code_of(weight_operand(problem)));
      });
      const reference::Operands operands{.a = reference::decode(a, activation_operand(problem)),
                                         .w = reference::decode(w, weight_operand(problem)),
                                         .a_scale = {a_scale.begin(), a_scale.end()},
                                         .w_scale = {w_scale.begin(), w_scale.end()},
                                         .topk_weights = {router.begin(), router.end()},
                                         .topk_ids = ids};
      EXPECT_LT(reference::relative_error({out.begin(), out.end()}, reference::gemm(problem, k_batch, gemm, operands)),
                1e-7);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, ReferenceOnHostTest, ::testing::ValuesIn(testing::all_forms()),
                         [](const auto& form) { return form.param.name; });

}  // namespace
}  // namespace moetune::kernels
