#include "kernels/recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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
                                 const RecordingLimits& limits) {
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

Result<Candidates::iterator> choose(Candidates& candidates, const RecordingQuery& query, const std::string& path) {
  if (candidates.empty()) {
    return fail(ErrorCode::not_found, fmt::format("{} has no rows of {}, l2 {}, routing {}, for the batches asked for",
                                                  path, short_text(query.problem), name_of(query.l2), query.routing));
  }
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
  auto candidates = read_matching(path, query, limits);
  if (!candidates) return std::unexpected(candidates.error());
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
