#include "kernels/expert_popularity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kernels/weight_pool.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Problem;
using schema::Result;
using schema::RoutingKind;

std::vector<double> zipf_weights(std::int64_t experts, double exponent) {
  std::vector<double> weights;
  for (std::int64_t rank = 1; rank <= experts; ++rank)
    weights.push_back(std::pow(static_cast<double>(rank), -exponent));
  return weights;
}

/// Of the largest 1.
std::vector<double> scaled(const std::vector<std::int64_t>& counts) {
  const auto most = static_cast<double>(std::ranges::max(counts));
  std::vector<double> weights;
  for (const auto count : counts) weights.push_back(static_cast<double>(count) / most);
  return weights;
}

/// Fisher and Yates.
void shuffle(std::vector<double>& weights, std::uint64_t seed) {
  for (std::size_t left = weights.size(); left > 1; --left) {
    const std::uint64_t drawn = sub_seed(seed, 1, left) % left;
    std::swap(weights[left - 1], weights[static_cast<std::size_t>(drawn)]);
  }
}

double sum_of_inclusions(const std::vector<double>& weights, double time) {
  return std::accumulate(weights.begin(), weights.end(), 0.0,
                         [time](double sum, double weight) { return sum - std::expm1(-weight * time); });
}

}  // namespace

Result<ExpertPopularity> ExpertPopularity::of(const std::string& routing,
                                              const std::optional<schema::ExpertCounts>& counts,
                                              const Problem& problem) {
  const auto known = schema::routing_from_name(routing);
  if (!known) return std::unexpected(known.error());
  ExpertPopularity popularity;
  if (known->kind == RoutingKind::zipf) {
    popularity.ranked_ = true;
    popularity.layers_ = {zipf_weights(problem.num_experts, known->exponent)};
  }
  if (known->kind == RoutingKind::counts) {
    if (!counts) return fail(ErrorCode::invalid_argument, fmt::format("routing {}: its counts are missing", routing));
    if (auto fits = schema::check_expert_counts(*counts, problem); !fits) return std::unexpected(fits.error());
    for (const auto& layer : counts->layers) popularity.layers_.push_back(scaled(layer));
  }
  return popularity;
}

double ExpertPopularity::touched(const Problem& problem, std::int64_t batch) const {
  const auto of_layer = [&](const std::vector<double>& chances) {
    return std::accumulate(chances.begin(), chances.end(), 0.0, [batch](double sum, double chance) {
      return sum + 1 - std::pow(1 - chance, static_cast<double>(batch));
    });
  };
  const auto experts = static_cast<double>(problem.num_experts);
  if (is_uniform()) return experts * (1 - std::pow(1 - static_cast<double>(problem.topk) / experts, batch));
  double sum = 0;
  for (const auto& layer : layers_) sum += of_layer(inclusion_probabilities(layer, problem.topk));
  return sum / static_cast<double>(layers_.size());
}

std::vector<float> ExpertPopularity::table(std::int64_t rows, std::uint64_t seed) const {
  std::vector<float> all;
  const auto layers = static_cast<std::int64_t>(layers_.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    auto weights = layers_[static_cast<std::size_t>(row % layers)];
    if (ranked_ || row >= layers) shuffle(weights, sub_seed(seed, 0, static_cast<std::uint64_t>(row)));
    for (const double weight : weights) {
      // A count so small beside the largest that a float cannot hold it is a count all the same.
      all.push_back(weight > 0 ? std::max(static_cast<float>(weight), 1e-30F) : 0.0F);
    }
  }
  return all;
}

std::vector<double> inclusion_probabilities(const std::vector<double>& weights, std::int64_t topk) {
  std::vector<double> chances;
  const auto drawable = std::ranges::count_if(weights, [](double weight) { return weight > 0; });
  if (drawable <= topk) {
    for (const double weight : weights) chances.push_back(weight > 0 ? 1.0 : 0.0);
    return chances;
  }
  const auto wanted = static_cast<double>(topk);
  double low = 0;
  double high = 1;
  while (sum_of_inclusions(weights, high) < wanted) high *= 2;
  constexpr int k_halvings = 100;
  for (int i = 0; i < k_halvings; ++i) {
    const double middle = (low + high) / 2;
    (sum_of_inclusions(weights, middle) < wanted ? low : high) = middle;
  }
  for (const double weight : weights) chances.push_back(-std::expm1(-weight * high));
  return chances;
}

}  // namespace moetune::kernels
