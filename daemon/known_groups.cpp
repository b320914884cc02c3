#include "daemon/known_groups.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

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

/// The filter without what a problem does not say.
GroupFilter of_problem(const GroupFilter& filter) {
  GroupFilter bare = filter;
  bare.device.reset();
  bare.kernel.reset();
  bare.kernel_digest.reset();
  bare.compiler.reset();
  bare.l2.reset();
  bare.routing.reset();
  bare.origin.reset();
  return bare;
}

/// Those of a group's fields that the filter asks for otherwise, as a query has them.
nlohmann::json differing(const GroupFilter& filter, const schema::Group& group) {
  ordered_json all;
  schema::write_group(group, all);
  nlohmann::json fields = nlohmann::json::object();
  const auto compare = [&](const char* name, const auto& wanted, const auto& value) {
    if (wanted && *wanted != value) fields[name] = all[name];
  };
  compare("device", filter.device, group.device);
  compare("kernel", filter.kernel, group.kernel);
  compare("kernel_digest", filter.kernel_digest, group.kernel_digest);
  compare("compiler", filter.compiler, group.compiler);
  compare("l2", std::optional(filter.l2.value_or(schema::L2::cold)), group.l2);
  compare("routing", std::optional(filter.routing.value_or("uniform")), group.routing);
  compare("origin", filter.origin, group.origin);
  return fields;
}

/// Those that match with any l2 and any routing.
Result<std::vector<db::GroupMatch>> groups_of_all_conditions(db::Snapshot& snapshot, GroupFilter filter) {
  const auto routings = db::known_routings(snapshot, filter);
  if (!routings) return std::unexpected(routings.error());
  std::vector<db::GroupMatch> all;
  for (const auto l2 : {schema::L2::cold, schema::L2::warm}) {
    for (const std::string& routing : *routings) {
      filter.l2 = l2;
      filter.routing = routing;
      auto groups = db::matching_groups(snapshot, filter, db::Versions::all);
      if (!groups) return groups;
      all.insert(all.end(), groups->begin(), groups->end());
    }
  }
  return all;
}

/// What is known of the problem asked for where only device, kernel, origin and their like are others; the fewest
/// differences first. Nothing when the problem itself is not known.
Result<std::optional<schema::Error>> known_otherwise(db::Snapshot& snapshot, const GroupFilter& filter) {
  std::vector<nlohmann::json> nearest;
  std::set<std::string> names;
  GroupFilter bare = of_problem(filter);
  const auto groups = groups_of_all_conditions(snapshot, bare);
  if (!groups) return std::unexpected(groups.error());
  for (const auto& match : *groups) {
    const nlohmann::json fields = differing(filter, match.group);
    for (const auto& [name, value] : fields.items()) names.insert(name);
    ordered_json entry;
    schema::write_problem(match.group.problem, entry);
    nlohmann::json object(entry);
    object.update(fields);
    if (std::ranges::find(nearest, object) == nearest.end()) nearest.push_back(std::move(object));
  }
  if (nearest.empty()) return std::optional<schema::Error>();
  std::ranges::stable_sort(nearest, {}, [](const nlohmann::json& object) { return object.size(); });
  nearest.resize(std::min(nearest.size(), k_nearest_problems));
  return schema::Error{
      ErrorCode::not_found,
      fmt::format("no measured row matches: the problem has rows, but of another {}", fmt::join(names, " or ")),
      {{"nearest", std::move(nearest)}}};
}

Result<schema::Error> nothing_known(db::Snapshot& snapshot, const GroupFilter& filter) {
  auto otherwise = known_otherwise(snapshot, filter);
  if (!otherwise) return std::unexpected(otherwise.error());
  if (*otherwise) return std::move(**otherwise);
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
