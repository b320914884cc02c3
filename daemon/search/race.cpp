#include "daemon/search/race.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <utility>

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;
using Outcomes = std::map<TileConfig, RaceOutcome>;

std::vector<TileConfig> configs_of(const std::vector<Candidate>& plan) {
  std::vector<TileConfig> configs;
  for (const Candidate& candidate : plan) configs.push_back(candidate.config);
  return configs;
}

/// What counts as fast: the whole of both GEMMs, or also each alone.
std::vector<std::optional<double> RaceOutcome::*> objectives(bool pairs) {
  if (!pairs) return {&RaceOutcome::latency_us};
  return {&RaceOutcome::latency_us, &RaceOutcome::gemm_1_us, &RaceOutcome::gemm_2_us};
}

/// The configurations whose time is at most `within` times the best, the fastest first.
std::vector<TileConfig> fastest(const Outcomes& outcomes, std::optional<double> RaceOutcome::* time, double within) {
  std::vector<std::pair<double, TileConfig>> timed;
  for (const auto& [config, outcome] : outcomes) {
    if (outcome.*time) timed.emplace_back(*(outcome.*time), config);
  }
  std::ranges::sort(timed);
  std::vector<TileConfig> configs;
  for (const auto& [time_us, config] : timed) {
    if (time_us > timed.front().first * within) break;
    configs.push_back(config);
  }
  return configs;
}

/// The first configuration of each of the first `count` tiles (GROUP_SIZE_M aside).
std::vector<TileConfig> first_of_tiles(const std::vector<TileConfig>& configs, std::size_t count) {
  std::set<TileConfig> tiles;
  std::vector<TileConfig> firsts;
  for (const TileConfig& config : configs) {
    if (firsts.size() == count) break;
    if (tiles.insert(without_group(config)).second) firsts.push_back(config);
  }
  return firsts;
}

/// The first configuration of each of the first `count` valleys: tiles of the same BLOCK_SIZE_M and BLOCK_SIZE_N are a
/// few steps from each other.
std::vector<TileConfig> first_of_valleys(const std::vector<TileConfig>& configs, std::size_t count) {
  std::set<std::pair<int, int>> valleys;
  std::vector<TileConfig> firsts;
  for (const TileConfig& config : configs) {
    if (firsts.size() == count) break;
    if (valleys.insert({config.block_size_m, config.block_size_n}).second) firsts.push_back(config);
  }
  return firsts;
}

/// How much a tile suits its shape before anything is measured, the least first: 4 warps unless its accumulators are
/// more than half of a thread's registers, then 8; the most stages up to 3; the least GROUP_SIZE_M.
auto awkwardness(const TileConfig& config) {
  constexpr int k_usual_warps = 4;
  constexpr int k_usual_stages = 3;
  constexpr int k_accumulators_per_warp = 128 * 32;
  const int accumulators = config.block_size_m * config.block_size_n;
  const int suited = accumulators <= k_accumulators_per_warp * k_usual_warps ? k_usual_warps : 2 * k_usual_warps;
  const int stages = config.num_stages <= k_usual_stages ? k_usual_stages - config.num_stages : config.num_stages;
  return std::tuple(std::abs(config.num_warps - suited), stages, config.group_size_m);
}

}  // namespace

Race::Race(const std::vector<Candidate>& plan, const std::map<std::int64_t, TileConfig>& default_of_batch,
           const Seeds& seeds, bool pairs, const RaceRule& rule)
    : rule_(rule), pairs_(pairs), axes_(configs_of(plan)), default_of_batch_(default_of_batch), seeds_(seeds) {
  std::map<std::int64_t, std::set<TileConfig>> by_batch;
  for (const Candidate& candidate : plan) by_batch[candidate.batch].insert(candidate.config);
  for (auto& [batch, candidates] : by_batch) {
    runner_of_[batch] = runners_.size();
    Runner runner;
    runner.batch = batch;
    runner.candidates = std::move(candidates);
    runners_.push_back(std::move(runner));
  }
  choose_anchors();
  for (Runner& runner : runners_) {
    if (const auto found = default_of_batch_.find(runner.batch); found != default_of_batch_.end()) {
      open_with(runner, found->second);
    }
    if (const auto found = seeds_.find(runner.batch); found != seeds_.end()) {
      for (const TileConfig& seed : found->second) open_with(runner, seed);
    }
    if (runner.candidates.size() <= rule_.all_up_to) {
      for (const TileConfig& config : runner.candidates) open_with(runner, config);
    } else if (runner.is_anchor) {
      open_coarse_grid(runner);
    }
  }
  advance();
}

std::vector<std::int64_t> anchor_batches(const std::vector<std::int64_t>& batches, const RaceRule& rule) {
  const std::size_t last = batches.empty() ? 0 : batches.size() - 1;
  const std::size_t steps = std::max<std::size_t>(rule.anchors, 2) - 1;
  std::set<std::int64_t> anchors;
  for (std::size_t i = 0; i <= steps && !batches.empty(); ++i) anchors.insert(batches[(i * last + steps / 2) / steps]);
  return {anchors.begin(), anchors.end()};
}

void Race::choose_anchors() {
  std::vector<std::int64_t> batches;
  for (const Runner& runner : runners_) batches.push_back(runner.batch);
  const std::size_t last = runners_.empty() ? 0 : runners_.size() - 1;
  for (const std::int64_t batch : anchor_batches(batches, rule_)) runners_[runner_of_.at(batch)].is_anchor = true;
  std::size_t before = 0;
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    if (runners_[i].is_anchor) before = i;
    runners_[i].anchors[0] = before;
  }
  std::size_t after = last;
  for (std::size_t i = runners_.size(); i-- > 0;) {
    if (runners_[i].is_anchor) after = i;
    runners_[i].anchors[1] = after;
  }
}

std::vector<Candidate> Race::take_wanted() {
  return std::exchange(wanted_, {});
}

bool Race::done() const {
  return std::ranges::all_of(runners_, [](const Runner& runner) { return runner.stage == Stage::arrived; });
}

std::map<std::int64_t, std::size_t> Race::expected_beyond_wanted() const {
  // Of 320 candidates a batch about 16 were measured, of 1920 about 57 (tests/bench/race_bench).
  constexpr double k_least = 8;
  constexpr double k_share = 0.026;
  std::map<std::int64_t, std::size_t> expected;
  for (const Runner& runner : runners_) {
    const auto all = static_cast<std::size_t>(k_least + k_share * static_cast<double>(runner.candidates.size()));
    const std::size_t wanted = runner.outcomes.size() + runner.open.size();
    const bool may_want_more = runner.stage != Stage::arrived && runner.candidates.size() > rule_.all_up_to;
    expected[runner.batch] = may_want_more && all > wanted ? all - wanted : 0;
  }
  return expected;
}

void Race::tell(const Candidate& candidate, const RaceOutcome& outcome) {
  const auto found = runner_of_.find(candidate.batch);
  if (found == runner_of_.end()) return;
  Runner& runner = runners_[found->second];
  if (runner.open.erase(candidate.config) == 0) {
    if (!runner.outcomes.contains(candidate.config)) told_.try_emplace(candidate, outcome);
    return;
  }
  runner.outcomes.emplace(candidate.config, outcome);
  if (runner.open.empty()) advance();
}

void Race::advance() {
  bool moved = true;
  while (std::exchange(moved, false)) {
    for (std::size_t i = 0; i < runners_.size(); ++i) {
      settle(runners_[i]);
      while (runners_[i].open.empty() && advance(i)) {
        moved = true;
        settle(runners_[i]);
      }
    }
  }
}

/// Outcomes that were told before they were asked for come in between two decisions, as others do: what a decision asks
/// for first must not bear on what it asks for next.
void Race::settle(Runner& runner) {
  if (told_.empty()) return;
  std::erase_if(runner.open, [&](const TileConfig& config) {
    const auto known = told_.extract(Candidate{runner.batch, config});
    if (known) runner.outcomes.emplace(config, known.mapped());
    return !known.empty();
  });
}

bool Race::advance(std::size_t index) {
  Runner& runner = runners_[index];
  switch (runner.stage) {
    case Stage::opening:
      runner.stage = Stage::taking_over;
      return true;
    case Stage::taking_over:
      if (!runner.is_anchor) {
        if (!has_ended_climb(runner.anchors[0]) || !has_ended_climb(runner.anchors[1])) return false;
        take_over_from_anchors(runner);
        take_over_from_both_anchors(runner);
      }
      runner.stage = Stage::groups;
      return true;
    case Stage::groups:
      if (!runner.has_grid && fastest(runner.outcomes, &RaceOutcome::latency_us, 1).empty()) {
        open_coarse_grid(runner);  // nothing that others found good runs here
        return true;
      }
      for (const auto& [config, outcome] : runner.outcomes) {
        if (outcome.latency_us) runner.surveyed[config] = *outcome.latency_us;
      }
      open_all_groups(runner);
      runner.stage = Stage::climbing;
      return true;
    case Stage::climbing:
      if (climb(runner)) return true;
      end_first_climb(runner);
      runner.stage = Stage::waiting;
      return true;
    case Stage::waiting:
      if (index > 0 && !has_ended_climb(index - 1)) return false;
      if (index + 1 < runners_.size() && !has_ended_climb(index + 1)) return false;
      take_over_from_neighbours(index);
      runner.stage = Stage::last_climb;
      return true;
    case Stage::last_climb:
      if (climb(runner)) return true;
      runner.stage = Stage::arrived;
      return true;
    case Stage::arrived:
      break;
  }
  return false;
}

/// Keeps what others take over: what comes later depends on them.
void Race::end_first_climb(Runner& runner) {
  for (const auto time : objectives(pairs_)) {
    runner.leaders.push_back(fastest(runner.outcomes, time, rule_.leaders_within));
  }
  for (const auto& [config, outcome] : runner.outcomes) runner.tiles.insert(without_group(config));
}

/// Asks for a candidate, unless it is none or was asked for.
void Race::open_with(Runner& runner, const TileConfig& config) {
  if (!runner.candidates.contains(config) || runner.outcomes.contains(config) || runner.open.contains(config)) return;
  wanted_.push_back({runner.batch, config});
  runner.open.insert(config);
}

/// Tiles that the compiler takes seconds for, because their accumulators spill, are left to be stepped to.
void Race::open_coarse_grid(Runner& runner) {
  runner.has_grid = true;
  std::map<std::tuple<int, int, int>, TileConfig> of_shape;
  for (const TileConfig& config : runner.candidates) {
    if (is_slow_to_compile(config)) continue;
    const std::tuple shape(config.block_size_m, config.block_size_n, config.block_size_k);
    const auto [found, first] = of_shape.try_emplace(shape, config);
    if (!first && awkwardness(config) < awkwardness(found->second)) found->second = config;
  }
  for (const auto& [shape, config] : of_shape) open_with(runner, config);
}

void Race::open_all_groups(Runner& runner) {
  for (const auto time : objectives(pairs_)) {
    const auto close = fastest(runner.outcomes, time, rule_.groups_within);
    for (const TileConfig& tile : first_of_tiles(close, rule_.groups_of)) {
      for (const int group : axes_.values(Axis::group_size_m)) {
        open_with(runner, with_value(tile, Axis::group_size_m, group));
      }
    }
  }
}

void Race::take_over_from_anchors(Runner& runner) {
  for (const std::size_t anchor : runner.anchors) {
    for (const auto& leaders : runners_[anchor].leaders) {
      for (const TileConfig& config : first_of_valleys(leaders, rule_.from_each_anchor)) open_with(runner, config);
    }
  }
}

/// What is the best at neither may be so between them.
void Race::take_over_from_both_anchors(Runner& runner) {
  const auto& before = runners_[runner.anchors[0]].surveyed;
  const auto& after = runners_[runner.anchors[1]].surveyed;
  std::vector<std::pair<double, TileConfig>> ranked;
  for (const auto& [config, us] : before) {
    if (const auto found = after.find(config); found != after.end()) ranked.emplace_back(us * found->second, config);
  }
  std::ranges::sort(ranked);
  std::vector<TileConfig> configs;
  for (const auto& [product, config] : ranked) configs.push_back(config);
  for (const TileConfig& config : first_of_tiles(configs, rule_.from_both_anchors)) open_with(runner, config);
}

void Race::take_over_from_neighbours(std::size_t index) {
  const auto take_best = [&](const Runner& neighbour) {
    for (const auto& leaders : neighbour.leaders) {
      if (!leaders.empty()) open_with(runners_[index], leaders.front());
    }
  };
  if (index > 0) take_best(runners_[index - 1]);
  if (index + 1 < runners_.size()) take_best(runners_[index + 1]);
}

bool Race::climb(Runner& runner) {
  const auto from = next_to_expand(runner);
  if (!from) return false;
  runner.expanded.insert(*from);
  expand(runner, *from);
  return true;
}

std::optional<TileConfig> Race::next_to_expand(const Runner& runner) const {
  const auto first_unexpanded = [&](const std::vector<TileConfig>& configs, std::size_t count) {
    const auto end = configs.begin() + static_cast<std::ptrdiff_t>(std::min(configs.size(), count));
    const auto found = std::find_if(configs.begin(), end, [&](const auto& c) { return !runner.expanded.contains(c); });
    return found == end ? std::nullopt : std::optional(*found);
  };
  const auto allowed = static_cast<std::size_t>(rule_.expand_share * static_cast<double>(runner.candidates.size()));
  for (const std::size_t count : {std::size_t{1}, rule_.expand_at_most}) {
    if (count > 1 && runner.outcomes.size() >= allowed) break;
    for (const auto time : objectives(pairs_)) {
      if (auto next = first_unexpanded(fastest(runner.outcomes, time, rule_.expand_within), count)) return next;
    }
  }
  return std::nullopt;
}

void Race::expand(Runner& runner, const TileConfig& config) {
  for (const TileConfig& step : axes_.around(config)) {
    if (!cannot_fit(runner, step) && is_worth_a_step(runner, config, step)) open_with(runner, step);
  }
}

bool Race::is_worth_a_step(const Runner& runner, const TileConfig& from, const TileConfig& to) const {
  const bool is_compiled = runner.is_anchor || is_known_to_anchors(runner, to);
  const double bound = *runner.outcomes.at(from).latency_us * (is_compiled ? rule_.worse_value : rule_.worse_new_value);
  return std::ranges::none_of(k_axes, [&](Axis axis) {
    const int value = value_on(axis, to);
    if (axis == Axis::group_size_m || value == value_on(axis, from)) return false;
    bool known = false;
    for (const auto& [config, outcome] : runner.outcomes) {
      if (value_on(axis, config) != value || !outcome.latency_us) continue;
      if (*outcome.latency_us <= bound) return false;
      known = true;
    }
    return known;
  });
}

bool Race::is_known_to_anchors(const Runner& runner, const TileConfig& config) const {
  return std::ranges::any_of(
      runner.anchors, [&](std::size_t anchor) { return runners_[anchor].tiles.contains(without_group(config)); });
}

bool Race::cannot_fit(const Runner& runner, const TileConfig& config) const {
  return std::ranges::any_of(runner.outcomes, [&](const auto& entry) {
    const auto& [smaller, outcome] = entry;
    return outcome.out_of_resources && smaller.num_warps == config.num_warps &&
           smaller.block_size_m <= config.block_size_m && smaller.block_size_n <= config.block_size_n &&
           smaller.block_size_k <= config.block_size_k && smaller.num_stages <= config.num_stages;
  });
}

}  // namespace moetune::daemon::search
