// Scans a space with the measure worker, several times over, and says how far the scans agree, what a candidate costs
// and how much of the time the GPU worked. The yardstick of the measurement.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "kernels/probe.hpp"
#include "schema/trial.hpp"
#include "tests/kernels/artifact_maker.hpp"
#include "tests/kernels/worker_session.hpp"

namespace moetune::kernels {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::string worker;
  std::string folder = "/tmp/measure_scan";
  std::string csv;
  bool bf16 = false;
  bool warm = false;
  std::vector<std::int64_t> batches{1, 16, 64, 256, 1024, 4096};
  std::vector<int> groups{1, 32};
  std::vector<int> tiles{16, 32, 64, 128};
  int scans = 2;
  int jobs = 16;
};

struct Tile {
  schema::TileConfig config;
  std::string artifact;  // empty when it does not compile
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

schema::Problem problem_of(const Settings& settings) {
  schema::Problem problem;
  problem.num_experts = settings.bf16 ? 128 : 256;
  problem.intermediate_size = settings.bf16 ? 768 : 512;
  problem.hidden_size = 2048;
  problem.topk = 8;
  if (settings.bf16) return problem;
  problem.dtype = schema::Dtype::fp8_w8a8;
  problem.block_shape = schema::BlockShape{128, 128};
  return problem;
}

std::vector<Tile> tiles_of(const Settings& settings, const GpuFacts& gpu) {
  std::vector<Tile> tiles;
  for (const int m : settings.tiles) {
    for (const int n : {32, 64, 128, 256}) {
      for (const int k : {64, 128}) {
        for (const int warps : {4, 8}) {
          for (const int stages : {2, 3, 4, 5}) {
            const schema::TileConfig config{m, n, k, 1, warps, stages};
            const auto variant = make_variant(problem_of(settings), config, gpu.compile_arch);
            if (variant && fits(*variant, gpu.shared_optin_bytes)) tiles.push_back({config, ""});
          }
        }
      }
    }
  }
  return tiles;
}

void compile(const Settings& settings, const testing::ArtifactMaker& maker, std::vector<Tile>& tiles) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < settings.jobs; ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < tiles.size(); at = next++) {
        if (auto path = maker.gemm(problem_of(settings), tiles[at].config)) tiles[at].artifact = *path;
      }
    });
  }
}

struct Row {
  std::vector<double> medians;  // one per scan
  std::vector<double> spreads;  // (max - min) / median of each scan's samples
};

struct ScanSums {
  double wall = 0, busy_us = 0;
  std::map<std::string, int> statuses;
  std::int64_t lowest_mhz = 1 << 20;
  int fell = 0;
};

/// One scan of one batch, one job at a time.
ScanSums scan(const Settings& settings, testing::WorkerSession& worker, const std::vector<Tile>& tiles,
              std::int64_t batch, std::map<std::string, Row>& rows) {
  ScanSums sums;
  const auto begin = Clock::now();
  std::optional<double> best;
  for (const auto& tile : tiles) {
    if (tile.artifact.empty()) continue;
    for (const int group : settings.groups) {
      MeasureJob job;
      job.batch = batch;
      job.config = tile.config;
      job.config.group_size_m = group;
      job.gemm_1 = job.gemm_2 = tile.artifact;
      job.best_us = best;
      const auto reply = worker.measure(job);
      ++sums.statuses[std::string(name_of(reply.status))];
      sums.busy_us += reply.busy_us;
      if (reply.status != schema::TrialStatus::ok) {
        if (sums.statuses.at(std::string(name_of(reply.status))) <= 3) {
          fmt::print("  {}: {} {}\n", short_text(job.config), name_of(reply.status), reply.log_tail);
        }
        if (reply.context_lost) std::exit(1);
        continue;
      }
      if (!reply.log_tail.empty()) ++sums.fell;
      sums.lowest_mhz = std::min(sums.lowest_mhz, reply.sm_clock_mhz.value_or(sums.lowest_mhz));
      const double us = schema::median(reply.samples_us);
      const auto [low, high] = std::ranges::minmax(reply.samples_us);
      auto& row = rows[short_text(job.config)];
      row.medians.push_back(us);
      row.spreads.push_back((high - low) / us);
      best = std::min(best.value_or(us), us);
    }
  }
  sums.wall = seconds_since(begin);
  return sums;
}

void print_sums(std::int64_t batch, int number, const ScanSums& sums) {
  int count = 0;
  std::string statuses;
  for (const auto& [status, times] : sums.statuses) {
    count += times;
    statuses += fmt::format(" {} {}", times, status);
  }
  fmt::print("M={} scan {}: {:.2f} s, {:.2f} ms each, busy {:.0f} %, lowest clock {} MHz, fell {}x,{}\n", batch, number,
             sums.wall, 1e3 * sums.wall / count, 100 * sums.busy_us / 1e6 / sums.wall, sums.lowest_mhz, sums.fell,
             statuses);
}

/// Relative differences between the first two scans, and where the winner of one stands in the other.
void print_agreement(std::int64_t batch, const std::map<std::string, Row>& rows) {
  std::vector<double> differences, spreads;
  const std::pair<const std::string, Row>* best[2] = {nullptr, nullptr};
  for (const auto& row : rows) {
    if (row.second.medians.size() < 2) continue;
    differences.push_back(std::abs(row.second.medians[1] / row.second.medians[0] - 1) * 100);
    spreads.push_back(row.second.spreads[0] * 100);
    for (const std::size_t i : {0U, 1U}) {
      if (best[i] == nullptr || row.second.medians[i] < best[i]->second.medians[i]) best[i] = &row;
    }
  }
  if (differences.empty()) return;
  std::ranges::sort(differences);
  fmt::print(
      "M={}: scans differ by {:.3f} % (median), {:.3f} % (95 of 100), {:.3f} % (most); spread within a candidate "
      "{:.3f} % "
      "(median); best {} {:.2f} us and {} {:.2f} us\n",
      batch, differences[differences.size() / 2], differences[differences.size() * 95 / 100], differences.back(),
      schema::median(spreads), best[0]->first, best[0]->second.medians[0], best[1]->first, best[1]->second.medians[1]);
}

void write_csv(std::ofstream& csv, std::int64_t batch, const std::map<std::string, Row>& rows) {
  for (const auto& [config, row] : rows) {
    csv << batch << ',' << config;
    for (const double us : row.medians) csv << ',' << us;
    csv << '\n';
  }
}

int fail(const schema::Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  return 1;
}

int run(const Settings& settings) {
  const auto facts = probe();
  fmt::print("{}\n", to_json(facts).dump());
  if (facts.gpus.empty()) return 1;
  std::filesystem::create_directories(settings.folder);
  const auto maker = testing::ArtifactMaker::create(settings.folder, facts.gpus[0].compile_arch);
  if (!maker) return fail(maker.error());
  const auto step = maker->step();
  if (!step) return fail(step.error());
  auto tiles = tiles_of(settings, facts.gpus[0]);
  auto begin = Clock::now();
  compile(settings, *maker, tiles);
  fmt::print("{} tiles compiled in {:.1f} s\n", tiles.size(), seconds_since(begin));

  testing::WorkerSession worker({settings.worker});
  worker.receive();
  OpenProblem request;
  request.problem = problem_of(settings);
  request.batches = settings.batches;
  request.l2 = settings.warm ? schema::L2::warm : schema::L2::cold;
  request.step_artifact = *step;
  begin = Clock::now();
  const auto ready = worker.open(request);
  if (ready.error) return fail(*ready.error);
  fmt::print("opened in {:.2f} s\n", seconds_since(begin));
  std::ofstream csv(settings.csv);
  for (const auto batch : settings.batches) {
    std::map<std::string, Row> rows;
    for (int i = 1; i <= settings.scans; ++i) print_sums(batch, i, scan(settings, worker, tiles, batch, rows));
    print_agreement(batch, rows);
    write_csv(csv, batch, rows);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace moetune::kernels

int main(int argc, char** argv) {
  moetune::kernels::Settings settings;
  CLI::App app("scans a space with the measure worker and compares the scans");
  app.add_option("--worker", settings.worker, "moetune-measure-worker")->required();
  app.add_option("--folder", settings.folder, "for compiled kernels");
  app.add_option("--csv", settings.csv, "medians of every candidate");
  app.add_flag("--bf16", settings.bf16, "E=128,N=768 instead of the fp8 problem");
  app.add_flag("--warm", settings.warm, "warm L2");
  app.add_option("--batches", settings.batches)->delimiter(',');
  app.add_option("--groups", settings.groups)->delimiter(',');
  app.add_option("--tiles", settings.tiles, "values of BLOCK_SIZE_M")->delimiter(',');
  app.add_option("--scans", settings.scans);
  app.add_option("--jobs", settings.jobs, "threads that compile");
  CLI11_PARSE(app, argc, argv);
  return moetune::kernels::run(settings);
}
