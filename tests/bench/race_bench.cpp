// What a search finds and what it costs, on recorded rows: `race_bench RECORDING.jsonl.zst... [--seeds N]` runs each
// strategy N times over every batch of each recording. A measurement is the median of three samples drawn from the
// row's own (plus --deviation, what a scan's kernel differs from the kernel itself), the finalists are measured again
// with nine, and the pick is judged by its recorded median: how much slower than the recording's best it is. Counted
// are measurements, finalists included, and distinct tiles (GROUP_SIZE_M aside), which is what a scan compiles.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>

#include "daemon/search/finalists.hpp"
#include "daemon/search/neighbour_seeds.hpp"
#include "daemon/search/race.hpp"
#include "kernels/recording.hpp"
#include "schema/trial.hpp"
#include "tests/bench/recorded_table.hpp"

namespace moetune::daemon::search {
namespace {

using bench::RecordedTable;
using schema::TileConfig;

/// One run of a strategy over a recording: draws what it measures, and keeps count.
class Session {
 public:
  Session(const RecordedTable& table, std::uint64_t seed, double deviation)
      : table_(table), random_(seed), deviation_(deviation) {}

  const RecordedTable& table() const { return table_; }
  std::mt19937_64& random() { return random_; }

  RaceOutcome measure(std::int64_t batch, const TileConfig& config) {
    constexpr std::size_t k_samples = 3;
    if (const auto known = measured_.find({batch, config}); known != measured_.end()) return known->second;
    const auto& row = table_.row(batch, config);
    RaceOutcome outcome;
    outcome.out_of_resources = row.status == schema::TrialStatus::out_of_resources;
    if (row.status == schema::TrialStatus::ok) outcome.latency_us = draw(row, k_samples) * deviation_of(config);
    tiles_.insert(without_group(config));
    ++measurements_;
    measured_.emplace(Candidate{batch, config}, outcome);
    return outcome;
  }

  std::vector<Scanned> rows_of(std::int64_t batch) const {
    std::vector<Scanned> rows;
    for (const auto& [candidate, outcome] : measured_) {
      if (candidate.batch == batch && outcome.latency_us) {
        Scanned row;
        row.config = candidate.config;
        row.latency_us = *outcome.latency_us;
        rows.push_back(row);
      }
    }
    return rows;
  }

  /// The finalists measured again; the fastest.
  std::optional<TileConfig> pick(std::int64_t batch) {
    constexpr std::size_t k_samples = 9;
    std::optional<TileConfig> best;
    double best_us = std::numeric_limits<double>::infinity();
    for (const TileConfig& config : finalists_of(rows_of(batch), race_finalists(false), false)) {
      ++measurements_;
      const double time_us = draw(table_.row(batch, config), k_samples);
      if (time_us < best_us) best = config;
      best_us = std::min(best_us, time_us);
    }
    return best;
  }

  double measured_share() const { return static_cast<double>(measurements_) / static_cast<double>(table_.size()); }
  double compiled_share() const {
    return static_cast<double>(tiles_.size()) / static_cast<double>(table_.tiles().size());
  }

 private:
  double draw(const kernels::RecordedRow& row, std::size_t count) {
    std::vector<double> samples;
    std::uniform_int_distribution<std::size_t> any(0, row.samples_us.size() - 1);
    for (std::size_t i = 0; i < count; ++i) samples.push_back(row.samples_us[any(random_)]);
    return schema::median(samples);
  }

  /// The same for every batch: it is the kernel that differs.
  double deviation_of(const TileConfig& config) {
    const auto [found, first] = deviation_by_tile_.try_emplace(config, 1.0);
    if (first && deviation_ > 0) found->second = std::normal_distribution<double>(1.0, deviation_)(random_);
    return found->second;
  }

  const RecordedTable& table_;
  std::mt19937_64 random_;
  double deviation_;
  std::map<Candidate, RaceOutcome> measured_;
  std::map<TileConfig, double> deviation_by_tile_;
  std::set<TileConfig> tiles_;
  std::size_t measurements_ = 0;
};

void exhaustive(Session& session) {
  for (const Candidate& candidate : session.table().plan()) session.measure(candidate.batch, candidate.config);
}

void race_with(const RaceRule& rule, const Seeds& seeds, Session& session) {
  Race race(session.table().plan(), session.table().defaults(), seeds, false, rule);
  for (auto wanted = race.take_wanted(); !wanted.empty(); wanted = race.take_wanted()) {
    for (const Candidate& candidate : wanted) {
      race.tell(candidate, session.measure(candidate.batch, candidate.config));
    }
  }
  if (!race.done()) throw std::logic_error("the race stopped half-way");
}

void by_race(Session& session) {
  race_with({}, {}, session);
}

/// What a race takes over from the best rows of another problem.
Seeds seeds_from(const RecordedTable& other, const RecordedTable& table, const NeighbourRule& rule) {
  KnownProblem known{.group = 1, .problem = other.problem(), .best = {}};
  for (const std::int64_t batch : other.batches()) known.best[batch] = other.best_config(batch);
  Seeds seeds;
  for (const NeighbourSeed& seed : neighbour_seeds(table.problem(), table.plan(), {known}, rule)) {
    seeds[seed.candidate.batch].push_back(seed.candidate.config);
  }
  return seeds;
}

/// As many measurements as a race may take, drawn from the whole space.
void by_chance(Session& session) {
  constexpr double k_share = 0.065;
  for (const std::int64_t batch : session.table().batches()) {
    auto configs = session.table().configs_of(batch);
    std::ranges::shuffle(configs, session.random());
    const auto count = static_cast<std::size_t>(k_share * static_cast<double>(configs.size()));
    for (std::size_t i = 0; i < std::min(count, configs.size()); ++i) session.measure(batch, configs[i]);
    if (const auto found = session.table().defaults().find(batch); found != session.table().defaults().end()) {
      session.measure(batch, found->second);
    }
  }
}

/// From the default, one axis at a time, until no step is faster.
void greedy(Session& session) {
  const RecordedTable& table = session.table();
  const TileAxes axes(table.all_configs());
  for (const std::int64_t batch : table.batches()) {
    const auto known = table.defaults().find(batch);
    TileConfig here = known == table.defaults().end() ? table.configs_of(batch).front() : known->second;
    session.measure(batch, here);
    while (true) {
      for (const TileConfig& step : axes.around(here)) {
        const auto changed =
            std::ranges::count_if(k_axes, [&](Axis axis) { return value_on(axis, step) != value_on(axis, here); });
        if (changed == 1 && table.contains(batch, step)) session.measure(batch, step);
      }
      const auto rows = session.rows_of(batch);
      if (rows.empty()) break;
      const TileConfig best = std::ranges::min(rows, {}, &Scanned::latency_us).config;
      if (std::exchange(here, best) == best) break;
    }
  }
}

/// What shared experience calls the plain way: every tile with 3 stages and one GROUP_SIZE_M, then warps and stages of
/// the best three, then GROUP_SIZE_M of the best four.
void coarse_to_fine(Session& session) {
  const RecordedTable& table = session.table();
  const TileAxes axes(table.all_configs());
  const auto measure = [&](std::int64_t batch, const TileConfig& config) {
    if (table.contains(batch, config)) session.measure(batch, config);
  };
  const auto best = [&](std::int64_t batch, std::size_t count) {
    auto rows = session.rows_of(batch);
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

using Strategy = std::pair<std::string, std::function<void(Session&)>>;

/// The race without one of its ideas.
std::vector<Strategy> lesser_races() {
  const auto race = [](const std::string& name, const std::function<void(RaceRule&)>& change) -> Strategy {
    RaceRule rule;
    change(rule);
    return {name, [rule](Session& session) { race_with(rule, {}, session); }};
  };
  return {
      race("2 anchors", [](RaceRule& rule) { rule.anchors = 2; }),
      race("6 anchors", [](RaceRule& rule) { rule.anchors = 6; }),
      race("no anchors' tiles", [](RaceRule& rule) { rule.from_each_anchor = 0; }),
      race("one anchor's tile", [](RaceRule& rule) { rule.from_each_anchor = 1; }),
      race("no groups first", [](RaceRule& rule) { rule.groups_of = 0; }),
      race("only the best steps", [](RaceRule& rule) { rule.expand_at_most = 1; }),
      race("to worse values too", [](RaceRule& rule) { rule.worse_value = 1e9; }),
  };
}

/// The race that knows what was best at another problem; last with its seeds at every batch.
std::vector<Strategy> seeded_races(const RecordedTable& other, const RecordedTable& table) {
  const auto race = [&](const std::string& name, const NeighbourRule& rule) -> Strategy {
    return {name, [seeds = seeds_from(other, table, rule)](Session& session) { race_with({}, seeds, session); }};
  };
  return {race("seeded", {}), race("one seed", {.at_most = 1}), race("seeds everywhere", {.only_anchors = false})};
}

struct Figures {
  std::vector<double> regrets;  ///< by batch and seed: 0.01 is 1 % slower than the best
  double measured = 0;          ///< shares, summed over the seeds
  double compiled = 0;
};

double percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

Figures run(const RecordedTable& table, const std::function<void(Session&)>& strategy, int seeds, double deviation) {
  Figures figures;
  for (int seed = 0; seed < seeds; ++seed) {
    Session session(table, static_cast<std::uint64_t>(seed), deviation);
    strategy(session);
    for (const std::int64_t batch : table.batches()) {
      const auto picked = session.pick(batch);
      figures.regrets.push_back(picked ? table.latency_us(batch, *picked) / table.best_us(batch) - 1 : 1);
    }
    figures.measured += session.measured_share() / seeds;
    figures.compiled += session.compiled_share() / seeds;
  }
  return figures;
}

void print(const std::string& name, const Figures& figures, int seeds) {
  double sum = 0;
  for (const double regret : figures.regrets) sum += regret;
  std::cout << fmt::format("{:<20} {:>4} {:>8.3f} {:>8.3f} {:>8.3f} {:>8.3f} {:>10.1f} {:>10.1f}\n", name, seeds,
                           100 * percentile(figures.regrets, 0.5),
                           100 * sum / static_cast<double>(figures.regrets.size()),
                           100 * percentile(figures.regrets, 0.95), 100 * percentile(figures.regrets, 1),
                           100 * figures.measured, 100 * figures.compiled)
            << std::flush;
}

}  // namespace
}  // namespace moetune::daemon::search

int main(int argc, char** argv) try {
  using namespace moetune::daemon::search;
  CLI::App app("Regret and cost of searches on recordings");
  std::vector<std::string> files;
  std::string kernel;
  int seeds = 100;
  double deviation = 0;
  app.add_option("FILE", files, "recordings")->required()->check(CLI::ExistingFile);
  app.add_option("--kernel", kernel, "whose rows, where a recording holds several kernels'");
  app.add_option("--seeds", seeds, "runs of each strategy")->check(CLI::PositiveNumber);
  app.add_option("--deviation", deviation, "how much a scan differs from the kernel itself, 0.005 is 0.5 %");
  bool ablate = false;
  app.add_flag("--ablate", ablate, "also the race without one of its ideas each");
  std::string seeded_by;
  app.add_option("--seeded-by", seeded_by, "also races seeded by the best rows of this recording, of another problem")
      ->check(CLI::ExistingFile);
  std::string seeding_kernel;
  app.add_option("--seeding-kernel", seeding_kernel, "whose rows of it, where it holds several kernels'");
  CLI11_PARSE(app, argc, argv);
  std::vector<Strategy> strategies = {{"race", by_race},
                                      {"coarse to fine", coarse_to_fine},
                                      {"greedy", greedy},
                                      {"random", by_chance},
                                      {"exhaustive", exhaustive}};
  if (ablate) std::ranges::copy(lesser_races(), std::back_inserter(strategies));
  if (!seeded_by.empty()) strategies.resize(1);
  for (const auto& file : files) {
    const auto table = moetune::bench::RecordedTable::load(file, kernel);
    std::cout << fmt::format("{}: {} rows of {} tiles\n{:<20} {:>4} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10}\n",
                             std::filesystem::path(file).filename().string(), table.size(), table.tiles().size(),
                             "strategy", "runs", "median", "mean", "95 %", "worst", "measured %", "compiled %");
    auto all = strategies;
    if (!seeded_by.empty()) {
      std::ranges::move(seeded_races(moetune::bench::RecordedTable::load(seeded_by, seeding_kernel), table),
                        std::back_inserter(all));
    }
    for (const auto& [name, strategy] : all) {
      const int runs = name == "exhaustive" ? std::min(seeds, 3) : seeds;
      print(name, run(table, strategy, runs, deviation), runs);
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "race_bench: " << error.what() << '\n';
  return 1;
}
