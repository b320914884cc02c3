#include "daemon/comparison_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "daemon/search/contest.hpp"
#include "daemon/search/plan.hpp"
#include "db/database.hpp"
#include "db/round_store.hpp"
#include "db/sweep_store.hpp"
#include "db/trial_listing.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using schema::Result;

/// A candidate with its row.
struct Contender {
  schema::Trial trial;
  std::vector<double> rounds_us;  ///< the median of each round
};
using Contenders = std::map<std::int64_t, std::vector<Contender>>;  ///< by batch

Result<Contenders> contenders_of(db::Snapshot& snapshot, std::int64_t sweep) {
  constexpr std::int64_t k_page = 1000;
  db::TrialFilter filter;
  filter.sweep = sweep;
  filter.include_discarded = true;
  Contenders contenders;
  std::optional<std::int64_t> after;
  for (;;) {
    auto page = db::list_trials(snapshot, filter, after, k_page);
    if (!page) return std::unexpected(page.error());
    for (db::StoredTrial& row : *page) {
      after = row.id;
      Contender contender{.trial = std::move(row.trial), .rounds_us = {}};
      // Rounds of another sweep were taken in turns with nobody here.
      if (!contender.trial.rounds_of) contender.rounds_us = std::move(row.rounds_us);
      contenders[contender.trial.batch].push_back(std::move(contender));
    }
    if (std::ssize(*page) < k_page) return contenders;
  }
}

/// The default first, then the others as they were named: not in the order in which they ended.
void put_in_order(const db::Sweep& sweep, const std::map<std::int64_t, db::SweepDefault>& defaults,
                  Contenders& contenders) {
  std::map<std::int64_t, schema::TileConfig> default_of_batch;
  for (const auto& [batch, fallback] : defaults) default_of_batch[batch] = fallback.config;
  std::map<search::Candidate, std::size_t> place;
  for (const auto& candidate : search::named_plan(sweep.spec.problem, default_of_batch, sweep.spec.candidates)) {
    place.emplace(candidate, place.size());
  }
  for (auto& [batch, list] : contenders) {
    std::ranges::stable_sort(list, {}, [&](const Contender& contender) {
      const auto found = place.find({contender.trial.batch, contender.trial.config});
      return found == place.end() ? place.size() : found->second;
    });
  }
}

ordered_json contender_view(const Contender& contender) {
  const schema::Trial& trial = contender.trial;
  ordered_json view;
  view["config"] = schema::to_json(trial.config);
  view["status"] = name_of(trial.status);
  view["latency_us"] = trial.latency_us ? ordered_json(*trial.latency_us) : ordered_json();
  view["rounds_us"] = contender.rounds_us;
  view["log_tail"] = trial.log_tail ? ordered_json(*trial.log_tail) : ordered_json();
  return view;
}

/// Every two that both ran, by their places in `contenders`.
ordered_json pairs_view(const std::vector<Contender>& contenders, const schema::Rounds& rule) {
  ordered_json pairs = ordered_json::array();
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    for (std::size_t j = i + 1; j < contenders.size(); ++j) {
      if (!contenders[i].trial.latency_us || !contenders[j].trial.latency_us) continue;
      const auto pair = search::contest(contenders[i].rounds_us, contenders[j].rounds_us, rule);
      if (!pair) continue;
      pairs.push_back({{"first", i},
                       {"second", j},
                       {"standing", name_of(pair->standing)},
                       {"speedup", pair->speedup},
                       {"low", pair->low},
                       {"high", pair->high}});
    }
  }
  return pairs;
}

ordered_json batch_view(std::int64_t batch, const std::vector<Contender>& contenders, const schema::Rounds& rule) {
  ordered_json view;
  view["batch"] = batch;
  view["default"] = nullptr;
  view["contenders"] = ordered_json::array();
  for (const Contender& contender : contenders) view["contenders"].push_back(contender_view(contender));
  view["pairs"] = pairs_view(contenders, rule);
  return view;
}

}  // namespace

Result<ordered_json> comparison_answer(const db::Database& database, std::int64_t id) {
  return database.read([&](db::Snapshot& snapshot) -> Result<ordered_json> {
    const auto sweep = db::find_sweep(snapshot, id);
    if (!sweep) return std::unexpected(sweep.error());
    if (!sweep->spec.rounds) {
      return schema::fail(
          schema::ErrorCode::conflict,
          fmt::format("sweep {} measured each candidate by itself: only one created with rounds can be compared", id));
    }
    const auto defaults = db::defaults_of_sweep(snapshot, id);
    if (!defaults) return std::unexpected(defaults.error());
    auto contenders = contenders_of(snapshot, id);
    if (!contenders) return std::unexpected(contenders.error());
    put_in_order(*sweep, *defaults, *contenders);
    ordered_json batches = ordered_json::array();
    for (const std::int64_t batch : sweep->spec.batches) {
      auto view = batch_view(batch, (*contenders)[batch], *sweep->spec.rounds);
      if (const auto found = defaults->find(batch); found != defaults->end()) {
        view["default"] = {{"config", schema::to_json(found->second.config)}, {"source", found->second.source}};
      }
      batches.push_back(std::move(view));
    }
    return ordered_json{{"sweep", id},
                        {"state", name_of(sweep->state)},
                        {"group", sweep->resolved},
                        {"rounds", to_json(*sweep->spec.rounds)},
                        {"batches", std::move(batches)}};
  });
}

}  // namespace moetune::daemon
