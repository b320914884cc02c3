#include "daemon/sweep/sweep_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "daemon/best_view.hpp"
#include "daemon/sweep/gpu_view.hpp"
#include "db/batch_owner_store.hpp"
#include "db/candidate_store.hpp"
#include "db/neighbour_store.hpp"
#include "db/trial_store.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;

ordered_json time_or_null(const std::optional<schema::Timestamp>& time) {
  return time ? ordered_json(to_text(*time)) : ordered_json();
}

ordered_json text_or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

schema::Result<ordered_json> trials_view(db::Snapshot& snapshot, const db::Sweep& sweep) {
  const auto counts = db::count_trials(snapshot, sweep.id);
  if (!counts) return std::unexpected(counts.error());
  ordered_json by_status = ordered_json::object();
  std::int64_t done = 0;
  for (const auto& [status, count] : *counts) {
    by_status[std::string(name_of(status))] = count;
    done += count;
  }
  // A newer daemon may choose other finalists than the one that has measured some already.
  return ordered_json{{"total", std::max(sweep.total.value_or(0), done)},
                      {"done", done},
                      {"by_status", std::move(by_status)},
                      {"not_recorded", sweep.not_recorded}};
}

schema::Result<ordered_json> seeds_view(db::Snapshot& snapshot, const db::Sweep& sweep) {
  const auto shares = db::candidates_of_sweep(snapshot, sweep.id);
  if (!shares) return std::unexpected(shares.error());
  ordered_json seeds = ordered_json::array();
  for (const auto& share : *shares) seeds.push_back(schema::to_json(share));
  return seeds;
}

schema::Result<ordered_json> neighbours_view(db::Snapshot& snapshot, const db::Sweep& sweep) {
  const auto shares = db::neighbour_shares(snapshot, sweep.id);
  if (!shares) return std::unexpected(shares.error());
  ordered_json list = ordered_json::array();
  for (const auto& share : *shares) {
    ordered_json problem;
    schema::write_problem(share.problem, problem);
    list.push_back({{"problem", std::move(problem)}, {"candidates", share.candidates}});
  }
  return list;
}

schema::Result<ordered_json> best_view(db::Snapshot& snapshot, const db::Sweep& sweep) {
  const auto rows = db::best_of_sweep(snapshot, sweep.id);
  if (!rows) return std::unexpected(rows.error());
  ordered_json best = ordered_json::object();
  for (const auto& row : *rows) {
    if (!std::ranges::binary_search(sweep.spec.batches, row.batch)) continue;  // a point between them
    db::BatchBest judged = row;
    if (auto done = prefer_judged(snapshot, judged); !done) return std::unexpected(done.error());
    best[std::to_string(row.batch)] = best_entry(row, choice_for(judged), row.sweep);
  }
  return best;
}

/// Those that were asked for and of which a sweep on a recording that is done has no row.
schema::Result<std::vector<std::int64_t>> lacking_batches(db::Snapshot& snapshot, const db::Sweep& sweep) {
  if (!sweep.spec.recording || sweep.state != schema::SweepState::done) return std::vector<std::int64_t>();
  const auto rows = db::finished_trials(snapshot, sweep.id);
  if (!rows) return std::unexpected(rows.error());
  std::set<std::int64_t> lacking(sweep.spec.batches.begin(), sweep.spec.batches.end());
  for (const auto& row : *rows) lacking.erase(row.batch);
  return std::vector(lacking.begin(), lacking.end());
}

}  // namespace

schema::Result<ordered_json> sweep_view(db::Snapshot& snapshot, const db::Sweep& sweep, std::optional<double> eta_s,
                                        ViewOf what) {
  auto trials = trials_view(snapshot, sweep);
  if (!trials) return trials;
  ordered_json view;
  view["id"] = sweep.id;
  view["state"] = name_of(sweep.state);
  view["phase"] = name_of(sweep.phase);
  view["spec"] = schema::to_json(sweep.spec);
  view["trials"] = std::move(*trials);
  if (what == ViewOf::one) {
    auto seeds = seeds_view(snapshot, sweep);
    if (!seeds) return seeds;
    view["seeded_by"] = std::move(*seeds);
    auto neighbours = neighbours_view(snapshot, sweep);
    if (!neighbours) return neighbours;
    view["neighbours"] = std::move(*neighbours);
    const auto readings = db::anchor_readings(snapshot, sweep.id);
    if (!readings) return std::unexpected(readings.error());
    auto gpus = gpu_view(snapshot, sweep.id, *readings);
    if (!gpus) return std::unexpected(gpus.error());
    view["gpus"] = std::move(gpus->gpus);
    const auto taken_over = db::taken_over_batches(snapshot, sweep.id);
    if (!taken_over) return std::unexpected(taken_over.error());
    for (std::string& text : taken_over_texts(*taken_over)) gpus->warnings.push_back(std::move(text));
    const auto lacking = lacking_batches(snapshot, sweep);
    if (!lacking) return std::unexpected(lacking.error());
    if (!lacking->empty()) {
      gpus->warnings.push_back(fmt::format("the recording has nothing for M={}", fmt::join(*lacking, ", ")));
    }
    view["warnings"] = std::move(gpus->warnings);
  }
  view["compiles"] = {
      {"done", sweep.compiles.done}, {"cached", sweep.compiles.cached}, {"failed", sweep.compiles.failed}};
  view["created_at"] = to_text(sweep.created_at);
  view["started_at"] = time_or_null(sweep.started_at);
  view["finished_at"] = time_or_null(sweep.finished_at);
  view["eta_s"] = eta_s ? ordered_json(*eta_s) : ordered_json();
  view["error"] = text_or_null(sweep.error);
  view["discarded"] = sweep.discarded;
  auto best = best_view(snapshot, sweep);
  if (!best) return best;
  view["best"] = std::move(*best);
  return view;
}

ordered_json state_view(const db::Sweep& sweep) {
  return {{"id", sweep.id}, {"state", name_of(sweep.state)}, {"error", text_or_null(sweep.error)}};
}

}  // namespace moetune::daemon
