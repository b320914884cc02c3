#include "daemon/known_groups.hpp"

#include <algorithm>
#include <cmath>

#include "db/catalog.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::GroupFilter;
using schema::Problem;
using schema::Result;

constexpr std::size_t k_nearest_problems = 5;

/// How far a problem is from what was asked for, on a logarithmic scale; fields that were not asked for do not count.
double distance(const GroupFilter& filter, const Problem& problem) {
  const auto apart = [](const std::optional<std::int64_t>& wanted, std::int64_t value) {
    return wanted ? std::abs(std::log2(static_cast<double>(*wanted) / static_cast<double>(value))) : 0.0;
  };
  double sum = apart(filter.num_experts, problem.num_experts) +
               apart(filter.intermediate_size, problem.intermediate_size) +
               apart(filter.hidden_size, problem.hidden_size) + apart(filter.topk, problem.topk);
  if (filter.dtype && *filter.dtype != problem.dtype) sum += 1;
  if (filter.block_shape && *filter.block_shape != problem.block_shape) sum += 1;
  return sum;
}

Result<schema::Error> nothing_known(db::Snapshot& snapshot, const GroupFilter& filter) {
  auto problems = db::known_problems(snapshot);
  if (!problems) return std::unexpected(problems.error());
  std::ranges::stable_sort(*problems, {}, [&](const Problem& problem) { return distance(filter, problem); });
  nlohmann::json nearest = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(k_nearest_problems, problems->size()); ++i) {
    ordered_json object;
    schema::write_problem((*problems)[i], object);
    nearest.push_back(nlohmann::json(object));
  }
  const char* message = problems->empty() ? "nothing has been measured or imported yet" : "no measured row matches";
  return schema::Error{ErrorCode::not_found, message, {{"nearest", std::move(nearest)}}};
}

}  // namespace

Result<std::vector<db::GroupMatch>> known_groups(db::Snapshot& snapshot, const GroupFilter& filter) {
  auto groups = db::matching_groups(snapshot, filter);
  if (!groups || !groups->empty()) return groups;
  auto error = nothing_known(snapshot, filter);
  return std::unexpected(error ? *error : error.error());
}

nlohmann::json listed(const std::vector<db::GroupMatch>& groups) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& match : groups) {
    ordered_json object;
    schema::write_group(match.group, object);
    list.push_back(nlohmann::json(object));
  }
  return list;
}

}  // namespace moetune::daemon
