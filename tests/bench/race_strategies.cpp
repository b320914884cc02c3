#include "tests/bench/race_strategies.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/search/neighbour_seeds.hpp"
#include "daemon/search/tile_axes.hpp"

namespace moetune::bench {
namespace {

using namespace daemon::search;
using schema::TileConfig;

void exhaustive(RecordedSweep& sweep) {
  for (const Candidate& candidate : sweep.table().plan()) sweep.measure(candidate.batch, candidate.config);
}

void race_with(const RaceRule& rule, const Seeds& seeds, RecordedSweep& sweep) {
  Race race(sweep.table().race_plan(), sweep.table().defaults(), seeds, false, rule);
  for (auto wanted = race.take_wanted(); !wanted.empty(); wanted = race.take_wanted()) {
    for (const Candidate& candidate : wanted) {
      race.tell(candidate, sweep.measure(candidate.batch, candidate.config));
    }
  }
  if (!race.done()) throw std::logic_error("the race stopped half-way");
}

Strategy race(const std::string& name, const RaceRule& rule, const Seeds& seeds = {}) {
  return {name, [rule, seeds](RecordedSweep& sweep) { race_with(rule, seeds, sweep); }};
}

/// What a race takes over from the best rows of another problem.
Seeds seeds_from(const RecordedTable& other, const RecordedTable& table, const NeighbourRule& rule) {
  KnownProblem known{.group = 1, .problem = other.problem(), .best = {}};
  for (const std::int64_t batch : other.batches()) known.best[batch] = other.best_config(batch);
  Seeds seeds;
  for (const NeighbourSeed& seed : neighbour_seeds(table.problem(), table.race_plan(), {known}, rule)) {
    seeds[seed.candidate.batch].push_back(seed.candidate.config);
  }
  return seeds;
}

/// As many measurements as a race may take, drawn from the whole space.
void by_chance(RecordedSweep& sweep) {
  constexpr double k_share = 0.065;
  for (const std::int64_t batch : sweep.table().batches()) {
    auto configs = sweep.table().configs_of(batch);
    std::ranges::shuffle(configs, sweep.random());
    const auto count = static_cast<std::size_t>(k_share * static_cast<double>(configs.size()));
    for (std::size_t i = 0; i < std::min(count, configs.size()); ++i) sweep.measure(batch, configs[i]);
  }
}

/// From the default, one axis at a time, until no step is faster.
void greedy(RecordedSweep& sweep) {
  const RecordedTable& table = sweep.table();
  const TileAxes axes(table.all_configs());
  for (const std::int64_t batch : table.batches()) {
    const auto known = table.defaults().find(batch);
    TileConfig here = known == table.defaults().end() ? table.configs_of(batch).front() : known->second;
    sweep.measure(batch, here);
    while (true) {
      for (const TileConfig& step : axes.around(here)) {
        const auto changed =
            std::ranges::count_if(k_axes, [&](Axis axis) { return value_on(axis, step) != value_on(axis, here); });
        if (changed == 1 && table.contains(batch, step)) sweep.measure(batch, step);
      }
      const auto rows = sweep.rows_of(batch);
      if (rows.empty()) break;
      const TileConfig best = std::ranges::min(rows, {}, &Scanned::latency_us).config;
      if (std::exchange(here, best) == best) break;
    }
  }
}

/// What shared experience calls the plain way: every tile with 3 stages and one GROUP_SIZE_M, then warps and stages of
/// the best three, then GROUP_SIZE_M of the best four.
void coarse_to_fine(RecordedSweep& sweep) {
  const RecordedTable& table = sweep.table();
  const TileAxes axes(table.all_configs());
  const auto measure = [&](std::int64_t batch, const TileConfig& config) {
    if (table.contains(batch, config)) sweep.measure(batch, config);
  };
  const auto best = [&](std::int64_t batch, std::size_t count) {
    auto rows = sweep.rows_of(batch);
    std::ranges::sort(rows, {}, &Scanned::latency_us);
    rows.resize(std::min(rows.size(), count));
    return rows;
  };
  for (const std::int64_t batch : table.batches()) {
    for (const TileConfig& config : table.configs_of(batch)) {
      const bool coarse = config.num_stages == 3 && config.group_size_m == axes.values(Axis::group_size_m).front();
      if (coarse) measure(batch, config);
    }
    for (const Scanned& row : best(batch, 3)) {
      for (const int warps : axes.values(Axis::num_warps)) {
        for (const int stages : axes.values(Axis::num_stages)) {
          measure(batch, with_value(with_value(row.config, Axis::num_warps, warps), Axis::num_stages, stages));
        }
      }
    }
    for (const Scanned& row : best(batch, 4)) {
      for (const int group : axes.values(Axis::group_size_m)) {
        measure(batch, with_value(row.config, Axis::group_size_m, group));
      }
    }
  }
}

}  // namespace

std::vector<Strategy> all_strategies() {
  return {race("race", {}),
          {"coarse to fine", coarse_to_fine},
          {"greedy", greedy},
          {"random", by_chance},
          {"exhaustive", exhaustive, FinalistRule{}}};
}

std::vector<Strategy> lesser_races() {
  const auto with = [](const std::string& name, const std::function<void(RaceRule&)>& change) {
    RaceRule rule;
    change(rule);
    return race(name, rule);
  };
  return {
      with("2 anchors", [](RaceRule& rule) { rule.anchors = 2; }),
      with("6 anchors", [](RaceRule& rule) { rule.anchors = 6; }),
      with("no anchors' tiles", [](RaceRule& rule) { rule.from_each_anchor = 0; }),
      with("one valley", [](RaceRule& rule) { rule.from_each_anchor = 1; }),
      with("none of both", [](RaceRule& rule) { rule.from_both_anchors = 0; }),
      with("no groups first", [](RaceRule& rule) { rule.groups_of = 0; }),
      with("only the best steps", [](RaceRule& rule) { rule.expand_at_most = 1; }),
      with("to worse values too",
           [](RaceRule& rule) {
             rule.worse_value = 1e9;
             rule.worse_new_value = 1e9;
           }),
      with("as far to new tiles", [](RaceRule& rule) { rule.worse_new_value = rule.worse_value; }),
      with("1.12 to all", [](RaceRule& rule) { rule.worse_new_value = rule.worse_value = 1.12; }),
  };
}

std::vector<Strategy> seeded_races(const RecordedTable& other, const RecordedTable& table) {
  const auto seeded = [&](const std::string& name, const NeighbourRule& rule) {
    return race(name, {}, seeds_from(other, table, rule));
  };
  return {seeded("seeded", {}), seeded("one seed", {.at_most = 1}),
          seeded("seeds everywhere", {.only_anchors = false})};
}

}  // namespace moetune::bench
