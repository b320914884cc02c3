#include "daemon/publication.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "daemon/file_plan.hpp"
#include "daemon/guarantee.hpp"
#include "daemon/publication_source.hpp"
#include "db/database.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {
namespace {

using schema::EngineFormat;
using schema::ErrorCode;
using schema::fail;
using schema::Gemm;
using schema::Origin;
using schema::Result;
using schema::publish::FileSet;
using schema::publish::Publication;
using Groups = std::vector<db::GroupMatch>;

/// "configs/triton_3_6_0/" from "triton 3.6.0+git1": SGLang looks into the folders of other versions too, and fails at
/// a name with anything but numbers. Nothing for another compiler.
std::optional<std::string> sglang_folder(std::string_view compiler) {
  const auto version = schema::triton_version_of(compiler);
  if (!version) return std::nullopt;
  std::string numbers = version->substr(0, version->find_first_not_of("0123456789."));
  while (numbers.ends_with('.')) numbers.pop_back();
  if (numbers.empty()) return std::nullopt;
  std::ranges::replace(numbers, '.', '_');
  return fmt::format("configs/triton_{}/", numbers);
}

/// Where the engine looks for a group's file.
Result<std::string> path_of(EngineFormat format, const schema::Group& group, Gemm gemm) {
  auto name = schema::engine_file_name(format, group.device, group.problem, gemm);
  if (!name || format == EngineFormat::vllm) return name;
  const auto folder = sglang_folder(group.compiler);
  if (folder) return *folder + *name;
  return fail(ErrorCode::conflict,
              fmt::format("its kernel was compiled by {}, and SGLang's folders are named after a version of Triton",
                          group.compiler));
}

/// Rows of one problem of several origins: those that were measured here come first.
int preference(Origin origin) {
  return origin == Origin::measured ? 0 : origin == Origin::imported ? 1 : 2;
}

/// Kernel and compiler that groups must share to stand in one file.
struct Version {
  std::string compiler;
  std::string kernel_digest;
  auto operator<=>(const Version&) const = default;
};

/// For each version that every problem was measured with, the newest first, one group a problem.
std::vector<Groups> of_common_versions(const Groups& groups) {
  struct Members {
    schema::Timestamp newest{};
    std::map<schema::Problem, db::GroupMatch> by_problem;
  };
  std::set<schema::Problem> problems;
  std::map<Version, Members> versions;
  for (const auto& match : groups) {
    problems.insert(match.group.problem);
    Members& members = versions[{match.group.compiler, match.group.kernel_digest}];
    members.newest = std::max(members.newest, match.newest);
    const auto [place, added] = members.by_problem.try_emplace(match.group.problem, match);
    if (!added && preference(match.group.origin) < preference(place->second.group.origin)) place->second = match;
  }
  std::vector<const Members*> common;
  for (const auto& [version, members] : versions) {
    if (members.by_problem.size() == problems.size()) common.push_back(&members);
  }
  std::ranges::stable_sort(common, std::ranges::greater(), &Members::newest);
  std::vector<Groups> chosen;
  for (const Members* members : common) {
    Groups& one = chosen.emplace_back();
    for (const auto& [problem, match] : members->by_problem) one.push_back(match);
  }
  return chosen;
}

std::optional<schema::BatchRange> gap_in(const FilePlan& plan) {
  return schema::untested_range(plan.measured_batches());
}

/// What has to be waived for a plan.
std::vector<std::string> exceptions_of(const FilePlan& plan) {
  std::vector<std::string> exceptions;
  const auto is_recorded = [](const auto& problem) { return problem.match.group.origin == Origin::recorded; };
  if (std::ranges::any_of(plan.problems, is_recorded)) exceptions.emplace_back(schema::publish::k_allow_recorded);
  if (gap_in(plan)) exceptions.emplace_back(schema::publish::k_allow_gaps);
  return exceptions;
}

/// Why a plan must not be published; empty when it may.
std::string distrust(const PublicationQuery& query, const FilePlan& plan) {
  for (const auto& key : plan.keys) {
    if (key.choice.is_default) continue;
    for (const auto& problem : plan.problems) {
      if (problem.batches.at(key.batch).best.default_config) continue;
      return fmt::format("batch {}: the engine's default is not known, so that the file might be slower", key.batch);
    }
  }
  if (const auto slower = guarantee_of(plan).slower; !slower.empty()) {
    return fmt::format("batch {}: the file was measured slower than the engine's default there",
                       slower.front().point.batch);
  }
  const auto gap = gap_in(plan);
  if (!gap || query.allow_gaps) return "";
  return fmt::format(
      "nothing was measured between {} and {}, where the engine would take the nearest key, which may be slower there "
      "than "
      "the default: tune the batches in between too (--allow-gaps publishes all the same)",
      gap->low, gap->high);
}

/// Makes a publication within one view of the database.
class Publisher {
 public:
  Publisher(db::Snapshot& snapshot, const PublicationQuery& query, Publication& publication)
      : snapshot_(snapshot), query_(query), publication_(publication) {}

  Result<void> add(EngineFormat format);
  Result<void> name_other_kernels();

 private:
  /// From the newest version that makes a file to trust.
  Result<void> add_file(EngineFormat format, const std::string& path, const Groups& groups);
  Result<FileSet> file_set(EngineFormat format, const std::string& path, const FilePlan& plan);
  /// Without those that no file may be made from; when none is left, says why.
  Result<Groups> trusted(const Groups& groups, std::string& reason);
  void leave_out(std::string path, std::string reason) {
    publication_.left_out.push_back({std::move(path), std::move(reason)});
  }

  db::Snapshot& snapshot_;
  const PublicationQuery& query_;
  Publication& publication_;
  std::set<std::string> kernels_;
};

Result<Groups> Publisher::trusted(const Groups& groups, std::string& reason) {
  Groups kept;
  for (const auto& match : groups) {
    if (match.group.origin == Origin::recorded && !query_.allow_recorded) {
      if (reason.empty()) reason = "its rows come from a recording (--allow-recorded publishes all the same)";
      continue;
    }
    const auto finished = db::best_of_group(snapshot_, match.id, db::Runs::finished);
    if (!finished) return std::unexpected(finished.error());
    if (!finished->empty()) {
      kept.push_back(match);
    } else {
      reason = "none of its sweeps is done";
    }
  }
  return kept;
}

Result<FileSet> Publisher::file_set(EngineFormat format, const std::string& path, const FilePlan& plan) {
  auto source = publication_source(snapshot_, format, plan, exceptions_of(plan));
  if (!source) return std::unexpected(source.error());
  FileSet set{{}, std::move(*source)};
  const schema::Group& group = plan.problems.front().match.group;
  const auto triton = schema::triton_version_of(group.compiler);
  set.files.push_back({path, schema::engine_file_bytes(format, plan.rows(), triton)});
  if (format == EngineFormat::sglang) {
    // Also where both GEMMs run with the same tiles: else SGLang would take a second file of another Triton's folder.
    set.files.push_back(
        {*path_of(format, group, Gemm::down), schema::engine_file_bytes(format, plan.rows(), triton, Gemm::down)});
  }
  return set;
}

Result<void> Publisher::add_file(EngineFormat format, const std::string& path, const Groups& groups) {
  std::string reason;
  const auto usable = trusted(groups, reason);
  if (!usable) return std::unexpected(usable.error());
  const auto versions = of_common_versions(*usable);
  if (!usable->empty() && versions.empty()) {
    reason =
        "the problems that share it were not all measured with one version of kernel and compiler: tune those again "
        "that have no rows of the newest";
  }
  for (const Groups& version : versions) {
    const auto plan = plan_file(snapshot_, format, version, db::Runs::finished);
    if (!plan && plan.error().code != ErrorCode::conflict) return std::unexpected(plan.error());
    const auto why = plan ? distrust(query_, *plan) : plan.error().message;
    if (why.empty()) {
      auto set = file_set(format, path, *plan);
      if (!set) return std::unexpected(set.error());
      publication_.sets.push_back(std::move(*set));
      return {};
    }
    if (&version == &versions.front()) reason = why;
  }
  leave_out(path, reason);
  return {};
}

Result<void> Publisher::add(EngineFormat format) {
  schema::GroupFilter filter;
  filter.kernel = query_.kernel.value_or(std::string(name_of(format)));
  kernels_.insert(*filter.kernel);
  publication_.scope.kernels.push_back({std::string(name_of(format)), *filter.kernel});
  const auto groups = db::matching_groups(snapshot_, filter, db::Versions::all);
  if (!groups) return std::unexpected(groups.error());
  std::map<std::string, Groups> by_path;
  for (const auto& match : *groups) {
    auto path = path_of(format, match.group, Gemm::up);
    if (path && schema::publish::is_publishable(*path)) {
      by_path[*path].push_back(match);
    } else {
      leave_out(
          fmt::format("{}'s file for {} on {}", name_of(format), short_text(match.group.problem), match.group.device),
          path ? "its name is none that an engine could open" : path.error().message);
    }
  }
  for (const auto& [path, members] : by_path) {
    if (auto added = add_file(format, path, members); !added) return added;
  }
  return {};
}

Result<void> Publisher::name_other_kernels() {
  const auto groups = db::matching_groups(snapshot_, {});
  if (!groups) return std::unexpected(groups.error());
  std::set<std::string> names;
  for (const auto& match : *groups) {
    if (!kernels_.contains(match.group.kernel)) names.insert(match.group.kernel);
  }
  publication_.other_kernels.assign(names.begin(), names.end());
  return {};
}

std::vector<EngineFormat> formats_of(const PublicationQuery& query) {
  if (query.format) return {*query.format};
  if (!query.kernel) return {EngineFormat::vllm, EngineFormat::sglang};
  return {schema::engine_format_from_name(*query.kernel).value_or(EngineFormat::vllm)};
}

}  // namespace

Result<Publication> publication_of(const db::Database& database, const PublicationQuery& query) {
  if (query.kernel && schema::is_scan(*query.kernel)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("kernel \"{}\" is a scan's changed copy: no file is made from its rows", *query.kernel));
  }
  return database.read([&](db::Snapshot& snapshot) -> Result<Publication> {
    Publication publication{.database = database.uuid(),
                            .tool_version = MOETUNE_VERSION,
                            .scope = {},
                            .sets = {},
                            .left_out = {},
                            .other_kernels = {}};
    if (query.allow_recorded) publication.scope.exceptions.emplace_back(schema::publish::k_allow_recorded);
    if (query.allow_gaps) publication.scope.exceptions.emplace_back(schema::publish::k_allow_gaps);
    Publisher publisher(snapshot, query, publication);
    for (const auto format : formats_of(query)) {
      if (auto added = publisher.add(format); !added) return std::unexpected(added.error());
    }
    if (auto named = publisher.name_other_kernels(); !named) return std::unexpected(named.error());
    return publication;
  });
}

}  // namespace moetune::daemon
