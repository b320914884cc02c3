#include "kernels/recording.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::Trial;

/// What tells the groups of matching rows apart; the rest of the group is fixed by the query.
struct Source {
  std::string device, kernel, kernel_digest, compiler;
  auto operator<=>(const Source&) const = default;
};

struct Candidate {
  std::string arch;
  schema::Timestamp newest;
  std::map<RecordingKey, RecordedRow> rows;
};

using Candidates = std::map<Source, Candidate>;

/// What rows a file has, for a message when none of them match: batches by what else a query fixes.
struct Conditions {
  schema::Problem problem;
  schema::L2 l2 = schema::L2::cold;
  std::string routing;
  auto operator<=>(const Conditions&) const = default;
};
using Contents = std::map<Conditions, std::set<std::int64_t>>;
constexpr std::size_t k_most_contents = 1000;

void note(Contents& contents, const Trial& trial) {
  const Conditions conditions{trial.group.problem, trial.group.l2, trial.group.routing};
  if (contents.size() >= k_most_contents && !contents.contains(conditions)) return;
  contents[conditions].insert(trial.batch);
}

/// "E=8 ..., l2 cold, routing uniform (batches 1, 2, 4)" of those that are most like what was asked for.
std::string shown(const Contents& contents, const RecordingQuery& query) {
  constexpr std::size_t k_most = 3;
  constexpr std::size_t k_shown_batches = 20;
  const auto unlike = [&](const Conditions& each) {
    const auto& problem = each.problem;
    const bool other_shape = problem.num_experts != query.problem.num_experts ||
                             problem.intermediate_size != query.problem.intermediate_size;
    return 8 * static_cast<int>(other_shape) + 4 * static_cast<int>(problem != query.problem) +
           2 * static_cast<int>(each.l2 != query.l2) + static_cast<int>(each.routing != query.routing);
  };
  std::vector<std::pair<int, Contents::const_iterator>> order;
  for (auto at = contents.begin(); at != contents.end(); ++at) order.emplace_back(unlike(at->first), at);
  std::ranges::sort(order, [](const auto& left, const auto& right) {
    return left.first != right.first ? left.first < right.first : left.second->first < right.second->first;
  });
  std::vector<std::string> texts;
  for (const auto& entry : std::span(order).first(std::min(order.size(), k_most))) {
    const auto& [conditions, batches] = *entry.second;
    const std::vector<std::int64_t> all(batches.begin(), batches.end());
    const auto some = std::span(all).first(std::min(all.size(), k_shown_batches));
    const auto rest = all.size() - some.size();
    texts.push_back(fmt::format("{}, l2 {}, routing {} (batches {}{})", short_text(conditions.problem),
                                name_of(conditions.l2), conditions.routing, fmt::join(some, ", "),
                                rest > 0 ? fmt::format(" and {} more", rest) : ""));
  }
  const auto more = order.size() - texts.size();
  return fmt::format("{}{}", fmt::join(texts, "; "), more > 0 ? fmt::format("; and {} more", more) : "");
}

bool matches(const RecordingQuery& query, const Trial& trial) {
  const schema::Group& group = trial.group;
  return group.problem == query.problem && group.l2 == query.l2 && group.routing == query.routing &&
         std::ranges::find(query.batches, trial.batch) != query.batches.end();
}

RecordedRow row_of(Trial& trial) {
  RecordedRow row;
  row.status = trial.status;
  row.samples_us = std::move(trial.samples_us);
  if (row.samples_us.empty() && trial.latency_us) row.samples_us.push_back(*trial.latency_us);
  row.stages_us = std::move(trial.stages_us);
  row.sm_clock_mhz = trial.sm_clock_mhz;
  row.throttle = std::move(trial.throttle);
  row.log_tail = std::move(trial.log_tail).value_or("");
  row.measured_at = trial.measured_at;
  return row;
}

void keep(Candidates& candidates, Trial& trial) {
  Candidate& candidate =
      candidates[{trial.group.device, trial.group.kernel, trial.group.kernel_digest, trial.group.compiler}];
  if (trial.measured_at >= candidate.newest) {
    candidate.newest = trial.measured_at;
    candidate.arch = trial.arch;
  }
  RecordedRow row = row_of(trial);
  const auto [at, fresh] = candidate.rows.try_emplace({trial.batch, trial.config}, std::move(row));
  if (!fresh && row.measured_at >= at->second.measured_at) at->second = std::move(row);
}

Result<Candidates> read_matching(const std::filesystem::path& path, const RecordingQuery& query,
                                 const RecordingLimits& limits, Contents& contents) {
  auto reader = LineReader::open(path, limits.lines);
  if (!reader) return std::unexpected(reader.error());
  Candidates candidates;
  std::int64_t samples = 0;
  while (true) {
    const auto line = reader->next();
    if (!line) return std::unexpected(line.error());
    if (!*line) return candidates;
    if ((*line)->find_first_not_of(" \t") == std::string_view::npos) continue;
    auto trial = schema::trial_from_line(**line);
    if (!trial) {
      return fail(trial.error().code,
                  fmt::format("{} line {}: {}", path.string(), reader->line_number(), trial.error().message));
    }
    note(contents, *trial);
    if (!matches(query, *trial)) continue;
    samples += static_cast<std::int64_t>(trial->samples_us.size());
    if (samples > limits.max_samples) {
      return fail(ErrorCode::too_large, fmt::format("{} line {}: more than {} samples in the rows that match",
                                                    path.string(), reader->line_number(), limits.max_samples));
    }
    keep(candidates, *trial);
  }
}

std::string listed(const std::set<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

std::unexpected<schema::Error> nothing_matches(const Contents& contents, const RecordingQuery& query,
                                               const std::string& path) {
  return fail(ErrorCode::not_found,
              fmt::format("{} has no rows of {}, l2 {}, routing {}, for the batches asked for; {}", path,
                          short_text(query.problem), name_of(query.l2), query.routing,
                          contents.empty() ? "it has no rows at all" : "it has rows of " + shown(contents, query)));
}

Result<Candidates::iterator> choose(Candidates& candidates, const RecordingQuery& query, const std::string& path) {
  std::set<std::string> kernels;
  for (const auto& [source, candidate] : candidates) kernels.insert(source.kernel);
  if (query.kernel && !kernels.contains(*query.kernel)) {
    return fail(
        ErrorCode::not_found,
        fmt::format("{} has no rows of kernel {} for this problem; it has {}", path, *query.kernel, listed(kernels)),
        {{"kernels", kernels}});
  }
  if (!query.kernel && kernels.size() > 1) {
    return fail(ErrorCode::conflict,
                fmt::format("{} has rows of several kernels: {}; name one of them", path, listed(kernels)),
                {{"kernels", kernels}});
  }
  std::set<std::string> devices;
  auto newest = candidates.end();
  for (auto at = candidates.begin(); at != candidates.end(); ++at) {
    if (at->first.kernel != query.kernel.value_or(*kernels.begin())) continue;
    devices.insert(at->first.device);
    if (newest == candidates.end() || at->second.newest > newest->second.newest) newest = at;
  }
  if (devices.size() > 1) {
    return fail(
        ErrorCode::conflict,
        fmt::format("{} has rows of several devices: {}; leave the rows of one device in it", path, listed(devices)),
        {{"devices", devices}});
  }
  return newest;
}

}  // namespace

Result<Recording> Recording::load(const std::filesystem::path& path, const RecordingQuery& query,
                                  const RecordingLimits& limits) {
  Contents contents;
  auto candidates = read_matching(path, query, limits, contents);
  if (!candidates) return std::unexpected(candidates.error());
  if (candidates->empty()) return nothing_matches(contents, query, path.string());
  const auto chosen = choose(*candidates, query, path.string());
  if (!chosen) return std::unexpected(chosen.error());
  auto& [source, candidate] = **chosen;
  Recording recording;
  recording.group = {source.device,   query.problem, source.kernel, source.kernel_digest,
                     source.compiler, query.l2,      query.routing, schema::Origin::recorded};
  recording.arch = std::move(candidate.arch);
  recording.rows = std::move(candidate.rows);
  return recording;
}

}  // namespace moetune::kernels
