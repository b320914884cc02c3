#pragma once

#include <string>

#include "kernels/bounded_wait.hpp"
#include "kernels/gemm_candidate.hpp"

namespace moetune::kernels {

/// How far a candidate is from the reference: relative Frobenius errors, not a number when an output has a hole.
struct StepErrors {
  double gemm_1 = 0;   ///< GEMM 1
  double gemm_2 = 0;   ///< GEMM 2 on the reference's own intermediate
  double step = 0;     ///< the whole step: GEMM 2 on what GEMM 1, activation and quantisation gave
  double pass_us = 0;  ///< device time of GEMM 1 and GEMM 2, launched once
  double busy_us = 0;  ///< device time of all of the candidate's launches
};

/// Both GEMMs multiply exactly the reference's operands; what is left is the order of the additions and the rounding of
/// the output (bf16: 1.7e-3). This holds for int8 weights too: kernels convert them to act_dtype, which has them all,
/// and scale the sum in 32 bits.
inline constexpr double k_gemm_error_bound = 5e-3;
/// More for each of K's terms where fp8 products are added up along the whole row before they are scaled. Tensor cores
/// of sm_89 and sm_90 keep 13 bits behind the point of such a sum and cut the rest off every 32 terms: 2.5e-3 at K =
/// 7168 with the output's rounding (tests/kernels/step_check_test.cpp computes it). With block_shape a sum ends with
/// its block.
inline constexpr double k_short_sum_error = 0x1p-20;
/// In the whole step a last bit of GEMM 1's output can move a value to the neighbouring fp8 number, a step of 6 to 12 %
/// of that value; this happens to about one value in a hundred and adds up to some 5e-3.
inline constexpr double k_step_error_bound = 2e-2;
/// Behind a sum that was cut off many more values move: 1.9e-2 at K = 7168. And where the largest value of a row moves,
/// all of that row do: 2.5e-2.
inline constexpr double k_row_scaled_step_error_bound = 6e-2;

/// The largest errors of kernels that are right.
struct StepBounds {
  double gemm_1 = 0;
  double gemm_2 = 0;
  double step = 0;
};
StepBounds bounds_of(const schema::Problem& problem);

/// True within the bounds; what is not a number is not.
bool is_correct(const StepErrors& errors, const StepBounds& bounds);
/// "relative errors against the reference: GEMM 1 0.31 (at most 0.005 is right), ...".
std::string explain(const StepErrors& errors, const StepBounds& bounds);

/// Runs one pass of the candidate into poisoned outputs and compares. Errors: what a launch or the device failed with;
/// is_timeout() at the deadline.
Result<StepErrors> check_step(const GemmCandidate& candidate, const Stream& stream, SteadyTime deadline,
                              PowerWatch& watch);

}  // namespace moetune::kernels
