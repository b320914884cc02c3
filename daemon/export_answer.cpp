#include "daemon/export_answer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/file_plan.hpp"
#include "daemon/guarantee.hpp"
#include "daemon/known_groups.hpp"
#include "db/database.hpp"
#include "kernels/sha256.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;
using Groups = std::vector<db::GroupMatch>;

/// Why a file in this format must not be made from this group unless it is asked for by name; empty when it may.
std::string objection(const ExportQuery& query, const schema::Group& group) {
  const auto engine = name_of(query.format);
  if (schema::is_scan(group.kernel)) {
    return fmt::format(
        "rows of {} were measured on a changed copy of the kernel, for a scan: no file is made from them",
        group.kernel);
  }
  if (!query.filter.kernel && group.kernel != engine) {
    return fmt::format(
        "its rows were measured with kernel \"{0}\", and a {1} file steers {1}'s own kernel: name it (kernel={0}) "
        "to export all the same",
        group.kernel, engine);
  }
  if (group.origin == schema::Origin::recorded && !query.allow_recorded) {
    return "its rows come from a recording, not from this machine: allow_recorded=1 exports all the same";
  }
  return "";
}

/// The groups of all the routings that a robust file is for.
Result<Groups> groups_of_routings(db::Snapshot& snapshot, const ExportQuery& query) {
  auto routings = *query.robust;
  schema::GroupFilter filter = query.filter;
  if (routings.empty()) {
    filter.l2 = filter.l2.value_or(schema::L2::cold);
    auto known = db::known_routings(snapshot, filter);
    if (!known) return std::unexpected(known.error());
    routings = std::move(*known);
  }
  Groups all;
  for (const std::string& routing : routings) {
    filter.routing = routing;
    auto groups = known_groups(snapshot, filter);
    if (!groups) return groups;
    all.insert(all.end(), groups->begin(), groups->end());
  }
  if (routings.size() > 1) return all;
  if (routings.empty()) return known_groups(snapshot, query.filter);  // which says what there is
  return fail(ErrorCode::conflict,
              fmt::format("a robust file is for several routings, and there are rows of {} alone: tune with another "
                          "--routing, or leave robust out",
                          routings.front()),
              {{"groups", listed(all)}});
}

/// Whether the groups differ in their routing alone, or in what tells versions of the kernel apart.
bool differ_in_routing_only(const Groups& groups) {
  const auto without = [](schema::Group group) {
    group.routing.clear();
    group.kernel_digest.clear();
    group.compiler.clear();
    return group;
  };
  return std::ranges::all_of(
      groups, [&](const db::GroupMatch& match) { return without(match.group) == without(groups.front().group); });
}

/// The groups that a file may be made from.
Result<Groups> groups_to_export(db::Snapshot& snapshot, const ExportQuery& query) {
  auto groups = query.robust ? groups_of_routings(snapshot, query) : known_groups(snapshot, query.filter);
  if (!groups) return groups;
  Groups fitting;
  std::string reason;
  for (const auto& match : *groups) {
    const std::string why = objection(query, match.group);
    if (why.empty()) {
      fitting.push_back(match);
    } else if (reason.empty()) {
      reason = fmt::format("no {} file from {}: {}", name_of(query.format), short_text(match.group.problem), why);
    }
  }
  if (fitting.empty()) return fail(ErrorCode::conflict, reason, {{"groups", listed(*groups)}});
  const bool one_file = query.merge || (query.robust && differ_in_routing_only(fitting));
  if (fitting.size() > 1 && !one_file) {
    return fail(
        ErrorCode::conflict,
        fmt::format("{} groups match and a file holds one: narrow the query by the fields in which they differ, "
                    "or merge models that share the file (merge=1)",
                    fitting.size()),
        {{"groups", listed(fitting)}});
  }
  return fitting;
}

/// The name that all of the groups' files have.
Result<std::string> file_name(const ExportQuery& query, const Groups& groups) {
  std::optional<std::string> common;
  for (const auto& match : groups) {
    auto name = schema::engine_file_name(query.format, match.group.device, match.group.problem, query.gemm);
    if (!name) return name;
    const bool same = match.group.kernel == groups.front().group.kernel &&
                      match.group.compiler == groups.front().group.compiler &&
                      match.group.l2 == groups.front().group.l2;
    if (common.value_or(*name) != *name || !same) {
      return fail(ErrorCode::conflict,
                  "the groups that match do not share a file: merge takes models with one file name, kernel, compiler "
                  "and l2; narrow the query",
                  {{"groups", listed(groups)}});
    }
    common = std::move(*name);
  }
  return *common;
}

/// A file's name and what it holds.
struct Export {
  std::string name;
  FilePlan plan;
  /// The bytes for one GEMM.
  std::string bytes(schema::EngineFormat format, schema::Gemm gemm) const {
    const auto triton = schema::triton_version_of(plan.problems.front().match.group.compiler);
    return schema::engine_file_bytes(format, plan.rows(), triton, gemm);
  }
  /// Differs when a byte of either GEMM's file does.
  std::string choice(schema::EngineFormat format) const {
    return kernels::sha256_hex(bytes(format, schema::Gemm::up) + bytes(format, schema::Gemm::down));
  }
};

Result<Export> plan_export(db::Snapshot& snapshot, const ExportQuery& query) {
  const auto groups = groups_to_export(snapshot, query);
  if (!groups) return std::unexpected(groups.error());
  auto name = file_name(query, *groups);
  if (!name) return std::unexpected(name.error());
  auto plan = plan_file(snapshot, query.format, *groups);
  if (!plan) return std::unexpected(plan.error());
  return Export{std::move(*name), std::move(*plan)};
}

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json key_view(const search::MergedChoice& choice) {
  ordered_json problems = ordered_json::array();
  for (const auto& standing : choice.standings) {
    problems.push_back({{"latency_us", number_or_null(standing.latency_us)},
                        {"best_us", number_or_null(standing.best_us)},
                        {"default_us", number_or_null(standing.default_us)},
                        {"regret", number_or_null(standing.regret())}});
  }
  return {{"config", schema::to_json(choice.config)},
          {"default", choice.is_default},
          {"reason", choice.reason},
          {"regret", number_or_null(choice.worst_regret())},
          {"problems", std::move(problems)}};
}

}  // namespace

Result<ExportedFile> export_answer(const db::Database& database, const ExportQuery& query) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ExportedFile> {
    auto file = plan_export(snapshot, query);
    if (!file) return std::unexpected(file.error());
    return ExportedFile{.name = std::move(file->name),
                        .bytes = file->bytes(query.format, query.gemm),
                        .choice = file->choice(query.format),
                        .untested = schema::untested_range(file->plan.measured_batches()),
                        .unfinished = std::move(file->plan.unfinished)};
  });
}

Result<ordered_json> guarantee_answer(const db::Database& database, const ExportQuery& query) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto file = plan_export(snapshot, query);
    if (!file) return std::unexpected(file.error());
    ordered_json answer = {{"file", file->name}, {"choice", file->choice(query.format)}};
    answer.update(to_json(guarantee_of(file->plan), file->plan));
    return answer;
  });
}

Result<ordered_json> merge_answer(const db::Database& database, const ExportQuery& query) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto file = plan_export(snapshot, query);
    if (!file) return std::unexpected(file.error());
    ordered_json problems = ordered_json::array();
    for (const auto& problem : file->plan.problems) {
      ordered_json group;
      schema::write_group(problem.match.group, group);
      problems.push_back(std::move(group));
    }
    ordered_json batches = ordered_json::object();
    for (const auto& key : file->plan.keys) batches[std::to_string(key.batch)] = key_view(key.choice);
    ordered_json missing = ordered_json::array();
    for (const auto& batch : file->plan.missing) {
      missing.push_back({{"batch", batch.batch}, {"problems", batch.problems}});
    }
    return ordered_json{{"file", file->name},
                        {"choice", file->choice(query.format)},
                        {"problems", std::move(problems)},
                        {"batches", std::move(batches)},
                        {"missing", std::move(missing)}};
  });
}

}  // namespace moetune::daemon
