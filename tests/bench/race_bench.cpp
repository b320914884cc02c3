// What a search finds and what it costs, on recorded rows: `race_bench RECORDING.jsonl.zst... [--seeds N]` runs each
// strategy N times over every batch of each recording, and ends each run as a sweep ends: with finalists in heats and
// the rule that chooses. A round is three samples drawn from the row's own, with what rounds differ by beyond them. The
// pick is judged by its recorded median: its regret is how much slower than the recording's best it is. docs/search.md
// says how the costs are counted.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "tests/bench/race_strategies.hpp"
#include "tests/bench/recorded_heats.hpp"

namespace moetune::bench {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string kernel;
  int seeds = 100;
  int exhaustive_seeds = 10;
  Noise noise;
  bool ablate = false;
  bool by_batch = false;
  std::string only;
  std::string seeded_by;
  std::string seeding_kernel;
};

/// Shares are of the recording: of its rows, and of its distinct tiles.
struct Figures {
  std::vector<double> regrets;          ///< of what was chosen, by seed and batch: 0.01 is 1 % slower than the best
  std::vector<double> fastest_regrets;  ///< of the fastest that was found, chosen or not
  double measured = 0;                  ///< summed over the seeds and divided by their number, as all below
  double compiled = 0;
  double jobs = 0;
  double final_kernels = 0;  ///< a number
};

double percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Figures run(const RecordedTable& table, const Strategy& strategy, int seeds, const Noise& noise) {
  Figures figures;
  const auto share = [&](std::size_t part, std::size_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole) / seeds;
  };
  for (int seed = 0; seed < seeds; ++seed) {
    RecordedSweep sweep(table, static_cast<std::uint64_t>(seed), noise);
    strategy.search(sweep);
    const auto endings = end_in_heats(sweep, strategy.finalists);
    for (const std::int64_t batch : table.batches()) {
      const auto regret = [&](schema::TileConfig Ending::* which) {
        const auto found = endings.find(batch);
        if (found == endings.end()) return 1.0;
        return table.latency_us(batch, found->second.*which) / table.best_us(batch) - 1;
      };
      figures.regrets.push_back(regret(&Ending::chosen));
      figures.fastest_regrets.push_back(regret(&Ending::fastest));
    }
    const Cost cost = sweep.cost();
    figures.measured += share(cost.rows, table.size());
    figures.jobs += share(cost.jobs, table.size());
    figures.compiled += share(cost.kernels, table.tiles().size());
    figures.final_kernels += share(cost.final_kernels, 1);
  }
  return figures;
}

void print_head(const std::string& file, const RecordedTable& table) {
  std::cout << fmt::format(
      "{}: {} rows of {} tiles, {}\n{:<20} {:>4} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8}\n",
      std::filesystem::path(file).filename().string(), table.size(), table.tiles().size(),
      table.has_scan() ? "a scan and its finalists" : "heats from the start", "strategy", "runs", "median", "mean",
      "95 %", "worst", "measured %", "compiled %", "jobs %", "finals", "fastest", "its 95 %");
}

void print(const std::string& name, const Figures& figures, int seeds) {
  std::cout << fmt::format(
                   "{:<20} {:>4} {:>8.3f} {:>8.3f} {:>8.3f} {:>8.3f} {:>10.1f} {:>10.1f} {:>8.1f} {:>8.0f} {:>8.3f} "
                   "{:>8.3f}\n",
                   name, seeds, 100 * percentile(figures.regrets, 0.5), 100 * mean(figures.regrets),
                   100 * percentile(figures.regrets, 0.95), 100 * percentile(figures.regrets, 1),
                   100 * figures.measured, 100 * figures.compiled, 100 * figures.jobs, figures.final_kernels,
                   100 * mean(figures.fastest_regrets), 100 * percentile(figures.fastest_regrets, 0.95))
            << std::flush;
}

/// Where the regrets come from.
void print_by_batch(const RecordedTable& table, const Figures& figures) {
  const auto batches = table.batches();
  for (std::size_t i = 0; i < batches.size(); ++i) {
    std::vector<double> regrets;
    for (std::size_t at = i; at < figures.regrets.size(); at += batches.size()) regrets.push_back(figures.regrets[at]);
    std::cout << fmt::format("  M={:<6} mean {:>6.3f}  95 % {:>6.3f}\n", batches[i], 100 * mean(regrets),
                             100 * percentile(regrets, 0.95));
  }
}

void run_all(const Options& options) {
  for (const auto& file : options.files) {
    const auto table = RecordedTable::load(file, options.kernel);
    auto strategies = all_strategies();
    if (options.ablate) std::ranges::move(lesser_races(), std::back_inserter(strategies));
    if (!options.seeded_by.empty()) {
      strategies.resize(1);
      std::ranges::move(seeded_races(RecordedTable::load(options.seeded_by, options.seeding_kernel), table),
                        std::back_inserter(strategies));
    }
    if (!options.only.empty()) {
      std::erase_if(strategies, [&](const Strategy& strategy) { return strategy.name != options.only; });
    }
    print_head(file, table);
    for (const Strategy& strategy : strategies) {
      const int runs =
          strategy.name == "exhaustive" ? std::min(options.seeds, options.exhaustive_seeds) : options.seeds;
      const Figures figures = run(table, strategy, runs, options.noise);
      print(strategy.name, figures, runs);
      if (options.by_batch) print_by_batch(table, figures);
    }
  }
}

}  // namespace
}  // namespace moetune::bench

int main(int argc, char** argv) try {
  CLI::App app("Regret and cost of searches on recordings");
  moetune::bench::Options options;
  app.add_option("FILE", options.files, "recordings")->required()->check(CLI::ExistingFile);
  app.add_option("--kernel", options.kernel, "whose rows, where a recording holds several kernels'");
  app.add_option("--seeds", options.seeds, "runs of each strategy")->check(CLI::PositiveNumber);
  app.add_option("--exhaustive-seeds", options.exhaustive_seeds, "of them, exhaustive ones")
      ->check(CLI::PositiveNumber);
  app.add_option("--round-noise", options.noise.of_round,
                 "how much rounds differ beyond their samples, 0.0015 is 0.15 %")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--deviation", options.noise.of_scan, "how much a scan differs from the kernel itself, 0.005 is 0.5 %")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--ablate", options.ablate, "also the race without one of its ideas each");
  app.add_option("--only", options.only, "of the strategies, the one with this name");
  app.add_flag("--by-batch", options.by_batch, "also the regrets of each batch");
  app.add_option("--seeded-by", options.seeded_by,
                 "also races seeded by the best rows of this recording, of another problem")
      ->check(CLI::ExistingFile);
  app.add_option("--seeding-kernel", options.seeding_kernel, "whose rows of it, where it holds several kernels'");
  CLI11_PARSE(app, argc, argv);
  moetune::bench::run_all(options);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "race_bench: " << error.what() << '\n';
  return 1;
}
