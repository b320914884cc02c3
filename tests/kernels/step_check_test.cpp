// The bounds of the step's check: what right kernels come to, and what mistakes do, computed on the CPU.
#include "kernels/step_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/kernels/problem_forms.hpp"
#include "tests/kernels/reference_step.hpp"

namespace moetune::kernels {
namespace {

using ::testing::HasSubstr;
using testing::ProblemForm;

ProblemForm form_named(const std::string& name) {
  const auto forms = testing::all_forms();
  return *std::ranges::find(forms, name, &ProblemForm::name);
}

/// `value` with `bits` binary digits behind the leading one of `size`, the rest cut off.
double cut(double value, double size, int bits) {
  if (size == 0) return 0;
  const double unit = std::ldexp(1.0, std::ilogb(size) - bits);
  return std::trunc(value / unit) * unit;
}

/// A sum of products as the tensor cores of sm_89 and sm_90 make it for fp8: 32 products and the sum so far are brought
/// to the exponent of the largest, cut off 13 bits behind its point, and added up; the result is cut off again.
double short_sum(std::span<const double> a, std::span<const double> w) {
  constexpr std::size_t k_terms = 32;
  constexpr int k_bits = 13;
  double sum = 0;
  for (std::size_t begin = 0; begin < a.size(); begin += k_terms) {
    double largest = std::abs(sum);
    for (std::size_t i = begin; i < begin + k_terms; ++i) largest = std::max(largest, std::abs(a[i] * w[i]));
    double next = cut(sum, largest, k_bits);
    for (std::size_t i = begin; i < begin + k_terms; ++i) next += cut(a[i] * w[i], largest, k_bits);
    sum = cut(next, next, k_bits);
  }
  return sum;
}

double to_e4m3(double value) {
  const double size = std::min(std::abs(value), 448.0);
  const double unit = std::ldexp(1.0, std::max(size > 0 ? std::ilogb(size) : -6, -6) - 3);
  return std::copysign(std::nearbyint(size / unit) * unit, value);
}

double to_bf16(double value) {
  const double unit = std::ldexp(1.0, (value != 0 ? std::ilogb(value) : 0) - 7);
  return std::nearbyint(value / unit) * unit;
}

/// Relative error of rows of fp8 products that are added up over k terms by the tensor cores, rounded to bf16.
double error_of_short_sums(std::size_t k) {
  constexpr std::size_t k_rows = 4, k_columns = 64;
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  const auto tensor = [&](std::size_t rows, double unit) {
    std::vector<double> values(rows * k);
    for (double& value : values) value = to_e4m3(normal(random) * unit);
    return values;
  };
  const auto a = tensor(k_rows, 448.0 / 4), w = tensor(k_columns, 1.0);
  std::vector<double> actual, expected;
  for (std::size_t row = 0; row < k_rows; ++row) {
    for (std::size_t column = 0; column < k_columns; ++column) {
      const auto one = std::span(a).subspan(row * k, k), other = std::span(w).subspan(column * k, k);
      actual.push_back(to_bf16(short_sum(one, other)));
      double sum = 0;
      for (std::size_t i = 0; i < k; ++i) sum += one[i] * other[i];
      expected.push_back(sum);
    }
  }
  return reference::relative_error(actual, expected);
}

TEST(StepBoundsTest, LeaveRoomForTheSumsOfTheTensorCores) {
  for (const char* name : {"fp8_per_tensor", "fp8_per_channel"}) {
    for (const std::int64_t k : {256, 2048, 7168}) {
      const auto bounds = bounds_of(form_named(name).of(8, 256, k, 2));
      EXPECT_LT(error_of_short_sums(static_cast<std::size_t>(k)), bounds.gemm_1 / 2) << name << " " << k;
    }
  }
}

TEST(StepBoundsTest, AreTightWhereSumsAreLong) {
  for (const char* name : {"bfloat16", "float16", "fp8_in_blocks", "int8_w8a16"}) {
    const auto bounds = bounds_of(form_named(name).of(8, 2048, 7168, 2));
    EXPECT_EQ(bounds.gemm_1, k_gemm_error_bound) << name;
    EXPECT_EQ(bounds.gemm_2, k_gemm_error_bound) << name;
    EXPECT_EQ(bounds.step, k_step_error_bound) << name;
  }
}

/// Operands of GEMM 1, as the weight pool and the quantisation leave them.
reference::Operands operands_of(const schema::Problem& problem, std::int64_t batch) {
  const auto shape = gemm_shape(problem, batch, Gemm::first);
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> scale(0.5, 1.5);
  const auto fill = [&](auto& numbers, std::int64_t count, auto&& draw) {
    for (std::int64_t i = 0; i < count; ++i) numbers.push_back(draw());
  };
  reference::Operands operands;
  fill(operands.a, shape.a_rows * shape.k, [&] { return normal(random); });
  fill(operands.w, problem.num_experts * shape.n * shape.k, [&] { return normal(random); });
  fill(operands.a_scale, activation_scales(problem, shape.a_rows, shape.n, shape.k), [&] { return scale(random); });
  fill(operands.w_scale, weight_scales(problem, shape.n, shape.k), [&] { return scale(random); });
  fill(operands.topk_weights, batch * problem.topk, [&] { return scale(random) / 2; });
  for (std::int64_t token = 0; token < batch; ++token) {
    for (std::int64_t j = 0; j < problem.topk; ++j) {
      operands.topk_ids.push_back(static_cast<std::int32_t>((token + j * 3) % problem.num_experts));
    }
  }
  return operands;
}

/// Every scale is that of its neighbour: what a place that is off by one does.
std::vector<double> shifted(std::vector<double> scales) {
  if (!scales.empty()) std::ranges::rotate(scales, scales.begin() + 1);
  return scales;
}

TEST(StepBoundsTest, MistakesAreFarBeyondThem) {
  constexpr std::int64_t k_batch = 4;
  for (const auto& form : testing::all_forms()) {
    auto problem = form.of(5, 24, 64, 2);
    problem.router_weight_on_input = true;
    const auto right = operands_of(problem, k_batch);
    const auto expected = reference::gemm(problem, k_batch, Gemm::first, right);
    const auto error = [&](const reference::Operands& operands) {
      return reference::relative_error(reference::gemm(problem, k_batch, Gemm::first, operands), expected);
    };
    const auto bound = bounds_of(problem).gemm_1;
    EXPECT_EQ(error(right), 0) << form.name;
    auto wrong = right;
    wrong.topk_weights.assign(wrong.topk_weights.size(), 1.0);
    EXPECT_GT(error(wrong), 20 * bound) << form.name << ": router weight left out";
    wrong = right;
    wrong.w_scale = shifted(right.w_scale);
    if (!right.w_scale.empty()) {
      EXPECT_GT(error(wrong), 20 * bound) << form.name << ": scales of W shifted";
    }
    wrong = right;
    wrong.a_scale = shifted(right.a_scale);
    if (right.a_scale.size() > 1) {
      EXPECT_GT(error(wrong), 20 * bound) << form.name << ": scales of A shifted";
    }
  }
}

TEST(StepBoundsTest, WhatIsNoNumberIsWrongAndTheReasonNamesTheBounds) {
  const StepBounds bounds{.gemm_1 = 0.005, .gemm_2 = 0.006, .step = 0.02};
  EXPECT_TRUE(is_correct({.gemm_1 = 0.005, .gemm_2 = 0.006, .step = 0.02}, bounds));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& errors : {StepErrors{.gemm_1 = nan}, StepErrors{.gemm_2 = nan}, StepErrors{.step = nan},
                             StepErrors{.gemm_1 = 0.0051}, StepErrors{.gemm_2 = 0.0061}, StepErrors{.step = 0.021}}) {
    EXPECT_FALSE(is_correct(errors, bounds));
  }
  EXPECT_THAT(explain({.gemm_1 = 0.31}, bounds), HasSubstr("GEMM 1 0.31 (at most 0.005 is right)"));
}

}  // namespace
}  // namespace moetune::kernels
