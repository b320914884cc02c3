#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/error.hpp"
#include "schema/problem.hpp"
#include "schema/routing.hpp"

namespace moetune::kernels {

/// With which odds the experts of a layer are drawn. Plain data; uniform unless made otherwise.
class ExpertPopularity {
 public:
  ExpertPopularity() = default;
  /// `counts` are those that a routing of recorded counts stands for. Errors: invalid_argument for a name that is
  /// unknown, counts that lack, or that do not fit the problem.
  static schema::Result<ExpertPopularity> of(const std::string& routing,
                                             const std::optional<schema::ExpertCounts>& counts,
                                             const schema::Problem& problem);

  bool is_uniform() const { return layers_.empty(); }
  /// Expected number of distinct experts that `batch` tokens touch: the mean over the layers of
  /// sum(1 - (1 - p)^batch), p the inclusion probabilities of each expert for one token.
  double touched(const schema::Problem& problem, std::int64_t batch) const;
  /// float (rows, E): the odds in each of `rows` layers, the largest 1. Who is popular follows `seed` where ranks are
  /// given; counts keep their experts for as many rows as there are layers, and are dealt out anew in those after, so
  /// that two passes over one set of weights do not want the same ones. Precondition: not uniform.
  std::vector<float> table(std::int64_t rows, std::uint64_t seed) const;

 private:
  bool ranked_ = false;  ///< the weights are by rank, not by expert
  std::vector<std::vector<double>> layers_;
};

/// The probability of each expert to be among the `topk` of a token that are drawn one after the other with these odds.
/// By the approximation p = 1 - exp(-w t) with t such that the sum is topk (Rosen 1997), which is within 1 % for 64
/// experts and more. Precondition: at least topk of the weights are above 0, none below.
std::vector<double> inclusion_probabilities(const std::vector<double>& weights, std::int64_t topk);

}  // namespace moetune::kernels
