#include "daemon/sweep/gpu_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <utility>

#include "daemon/search/anchor.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using Readings = std::vector<db::AnchorRow>;

search::AnchorState state_of(const db::AnchorRow& row) {
  using enum search::AnchorState;
  for (const auto state : {drifted, disturbed, throttled}) {
    if (row.state == name_of(state)) return state;
  }
  return good;
}

/// Stretches of readings that have one measure of what is usual.
std::vector<Readings> stretches(const Readings& readings) {
  std::vector<Readings> parts;
  for (const db::AnchorRow& row : readings) {
    const bool goes_on =
        !parts.empty() && parts.back().front().phase == row.phase && parts.back().front().boot_id == row.boot_id;
    if (!goes_on) parts.emplace_back();
    parts.back().push_back(row);
  }
  return parts;
}

search::OpeningTimes openings_in(const Readings& stretch) {
  search::OpeningTimes times;
  for (const db::AnchorRow& row : stretch) {
    if (row.opening) times[row.batch].push_back(schema::median(row.samples_us));
  }
  return times;
}

/// By the first begin that has most batches: one that was cut off may lack the heavy one.
search::OpeningTimes opening_of(const Readings& readings) {
  search::OpeningTimes most;
  for (const Readings& stretch : stretches(readings)) {
    auto times = openings_in(stretch);
    if (times.size() > most.size()) most = std::move(times);
  }
  return most;
}

schema::Result<ordered_json> doubtful_of(db::Snapshot& snapshot, std::int64_t sweep, const Readings& readings,
                                         std::vector<std::string>& warnings) {
  ordered_json list = ordered_json::array();
  for (const Readings& part : stretches(readings)) {
    std::vector<search::JudgedReading> judged;
    for (const db::AnchorRow& row : part) judged.push_back({row.taken_at.ms, state_of(row)});
    for (const auto& interval : search::doubtful_intervals(judged)) {
      const auto to = interval.to_ms ? std::optional(schema::Timestamp{*interval.to_ms}) : std::nullopt;
      const auto rows = db::count_rows_between(snapshot, sweep, part.front().gpu_uuid, {interval.from_ms}, to);
      if (!rows) return std::unexpected(rows.error());
      const std::string from_text = schema::to_text(schema::Timestamp{interval.from_ms});
      const std::string to_text = to ? schema::to_text(*to) : "";
      list.push_back({{"from", from_text},
                      {"to", to ? ordered_json(to_text) : ordered_json()},
                      {"state", name_of(interval.state)},
                      {"rows", *rows}});
      warnings.push_back(fmt::format("GPU {} was {} from {} to {}: {} rows fall into that time", part.front().gpu,
                                     name_of(interval.state), from_text, to ? to_text : "the end", *rows));
    }
  }
  return list;
}

}  // namespace

std::string slower_text(std::int64_t gpu, std::int64_t first, double slower_by) {
  return fmt::format(
      "GPU {} is {:.1f} % {} than GPU {}; all rows of a batch come from one of them, so that they can "
      "be compared",
      gpu, 100 * std::abs(slower_by), slower_by > 0 ? "slower" : "faster", first);
}

schema::Result<GpuView> gpu_view(db::Snapshot& snapshot, std::int64_t sweep, const Readings& readings) {
  std::vector<Readings> by_gpu;
  for (const db::AnchorRow& row : readings) {
    if (by_gpu.empty() || by_gpu.back().front().gpu_uuid != row.gpu_uuid) by_gpu.emplace_back();
    by_gpu.back().push_back(row);
  }
  GpuView view;
  for (const Readings& own : by_gpu) {
    const auto slower = search::slower_by(opening_of(by_gpu.front()), opening_of(own));
    if (slower) view.warnings.push_back(slower_text(own.front().gpu, by_gpu.front().front().gpu, *slower));
    auto doubtful = doubtful_of(snapshot, sweep, own, view.warnings);
    if (!doubtful) return std::unexpected(doubtful.error());
    view.gpus.push_back({{"gpu", own.back().gpu},
                         {"gpu_uuid", own.back().gpu_uuid},
                         {"readings", own.size()},
                         {"state", own.back().state},
                         {"change", own.back().change},
                         {"slower_by", slower ? ordered_json(*slower) : ordered_json()},
                         {"doubtful", std::move(*doubtful)}});
  }
  return view;
}

std::vector<std::string> taken_over_texts(const std::map<std::int64_t, std::vector<std::string>>& gpus_of_batch) {
  std::map<std::vector<std::string>, std::vector<std::int64_t>> batches_of;
  for (const auto& [batch, gpus] : gpus_of_batch) batches_of[gpus].push_back(batch);
  std::vector<std::string> texts;
  for (const auto& [gpus, batches] : batches_of) {
    const bool one = batches.size() == 1;
    texts.push_back(
        fmt::format("batch{} {}: begun on {}, taken over by {}; {} rows come from {} GPUs, and only those of the "
                    "default's GPU are compared with it",
                    one ? "" : "es", fmt::join(batches, ", "), gpus.front(),
                    fmt::join(std::span(gpus).subspan(1), ", then by "), one ? "its" : "their", gpus.size()));
  }
  return texts;
}

}  // namespace moetune::daemon
