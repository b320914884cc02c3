// Speed of the store on a large database: `store_bench FOLDER [--rows N] [--problems N]` imports made-up rows into a
// new database in FOLDER, then opens, asks and lists it, and prints one line per figure.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <random>
#include <thread>

#include "db/best_query.hpp"
#include "db/catalog.hpp"
#include "db/earlier_outcomes.hpp"
#include "db/maintenance.hpp"
#include "db/trial_import.hpp"
#include "db/trial_listing.hpp"

namespace moetune::db {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::array k_batches = {1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 1536, 2048, 3072, 4096};

struct Size {
  std::int64_t rows = 1'000'000;
  std::int64_t problems = 5000;
};

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double seconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return Seconds(Clock::now() - begin).count();
}

/// Processor time of all threads so far: on a busy machine it says more than the clock.
double cpu_seconds() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void print(std::string_view name, double value, std::string_view unit) {
  std::cout << fmt::format("{:<34} {:>14.1f} {}\n", name, value, unit) << std::flush;
}

long resident_kib() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

schema::Problem problem(std::int64_t number) {
  return {.num_experts = 8 + number % 50,
          .intermediate_size = 64 * (1 + number / 50),
          .hidden_size = 2048,
          .topk = 8,
          .dtype = schema::Dtype::fp8_w8a8,
          .block_shape = schema::BlockShape{128, 128}};
}

schema::GroupFilter filter(std::int64_t number) {
  schema::GroupFilter wanted;
  wanted.num_experts = problem(number).num_experts;
  wanted.intermediate_size = problem(number).intermediate_size;
  return wanted;
}

/// Row `number` of the made-up file: one label a problem, the rows of a batch next to each other, a tenth failed.
void write_line(const Size& size, std::int64_t number, std::string& line) {
  const std::int64_t per_problem = std::max<std::int64_t>(1, size.rows / size.problems);
  const std::int64_t which = number / per_problem;
  const std::int64_t within = number % per_problem;
  const schema::Problem shape = problem(which);
  const int batch = k_batches[static_cast<std::size_t>(within) % k_batches.size()];
  const std::int64_t config = within / static_cast<std::int64_t>(k_batches.size());
  const bool ok = number % 10 != 9;
  const double us = 20 + static_cast<double>(number * 7919 % 1000) / 64;
  line = fmt::format(
      R"({{"device":"NVIDIA_H200","arch":"sm_90","E":{},"N":{},"hidden_size":2048,"topk":8,"dtype":"fp8_w8a8",)"
      R"("act_dtype":"bfloat16","block_shape":[128,128],"gated":true,"per_channel_quant":false,"batch":{},"config":)"
      R"({{"BLOCK_SIZE_M":{},"BLOCK_SIZE_N":128,"BLOCK_SIZE_K":128,"GROUP_SIZE_M":{},"num_warps":4,"num_stages":{}}},)"
      R"("kernel":"vllm","kernel_digest":"0123456789abcdef0123456789abcdef","compiler":"triton 3.6.0","status":"{}",)"
      R"("latency_us":{},"samples_us":{},"l2":"cold","routing":"uniform","origin":"measured",)"
      R"("measured_at":"2026-11-20T10:15:00Z","gpu_uuid":"GPU-1","driver":"570.1","sm_clock_mhz":1980,)"
      R"("tool_version":"0.1.0","sweep":"0badcafe-{}"}})",
      shape.num_experts, shape.intermediate_size, batch, 16 << config % 5, 1 + config % 64, 2 + config / 5 % 4,
      ok ? "ok" : "launch_error", ok ? fmt::format("{}", us) : "null",
      ok ? fmt::format("[{},{},{},{},{}]", us - 0.5, us - 0.25, us, us + 0.125, us + 0.5) : "[]", which);
}

void import(Database& database, const Size& size) {
  std::int64_t next = 0;
  const double cpu = cpu_seconds();
  const double spent = seconds_of([&] {
    const auto report = must(import_trials(database,
                                           [&](std::string& line) -> Result<bool> {
                                             if (next == size.rows) return false;
                                             write_line(size, next++, line);
                                             return true;
                                           },
                                           {.default_config = [](const schema::Problem&, std::int64_t) {
                                             return schema::TileConfig{16, 128, 128, 1, 4, 2};
                                           }}));
    if (report.inserted != size.rows) throw std::runtime_error("not every row was inserted");
  });
  print("import", static_cast<double>(size.rows) / spent, "rows/s");
  print("  processor time", 1e6 * (cpu_seconds() - cpu) / static_cast<double>(size.rows), "us/row");
}

/// What /best asks of the store.
std::size_t best(const Database& database, std::int64_t number) {
  return must(database.read([&](Snapshot& snapshot) -> Result<std::size_t> {
    std::size_t entries = 0;
    for (const GroupMatch& match : must(matching_groups(snapshot, filter(number)))) {
      entries += must(best_of_group(snapshot, match.id)).size();
    }
    return entries;
  }));
}

void ask_best(const Database& database, const Size& size, unsigned threads) {
  constexpr int k_requests = 20'000;
  std::vector<std::vector<double>> times(threads);
  const double cpu = cpu_seconds();
  const double spent = seconds_of([&] {
    std::vector<std::jthread> askers;
    for (unsigned thread = 0; thread < threads; ++thread) {
      askers.emplace_back([&, thread] {
        std::mt19937_64 random(thread);
        for (unsigned i = 0; i < k_requests / threads; ++i) {
          const auto number = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(size.problems));
          times[thread].push_back(1e6 * seconds_of([&] {
                                    if (best(database, number) == 0) throw std::runtime_error("no best row");
                                  }));
        }
      });
    }
  });
  std::vector<double> all;
  for (const auto& part : times) all.insert(all.end(), part.begin(), part.end());
  std::ranges::sort(all);
  print(fmt::format("best, {} thread(s)", threads), static_cast<double>(all.size()) / spent, "queries/s");
  print("  processor time", 1e6 * (cpu_seconds() - cpu) / static_cast<double>(all.size()), "us/query");
  print("  median", all[all.size() / 2], "us");
  print("  99 %", all[all.size() * 99 / 100], "us");
}

void list_rows(const Database& database, const Size& size) {
  std::int64_t rows = 0;
  const double spent = seconds_of(
      [&] { must(for_each_trial(database, {}, std::nullopt, [&](const StoredTrial&) { return ++rows < 200'000; })); });
  print("listing", static_cast<double>(rows) / spent, "rows/s");
  TrialFilter wanted;
  wanted.group = filter(size.problems - 1);
  const auto one = [&](const TrialFilter& trials) {
    return 1e3 * seconds_of([&] {
             must(database.read([&](Snapshot& snapshot) { return list_trials(snapshot, trials, std::nullopt, 100); }));
           });
  };
  print("page of the last problem", one(wanted), "ms");
  print("page of a rare status", one({.status = schema::TrialStatus::wrong_result}), "ms");
}

void ask_catalog(const Database& database, const Size& size) {
  const auto timed = [&](std::string_view name, auto query) {
    print(name, 1e3 * seconds_of([&] { must(database.read(query)); }), "ms");
  };
  timed("devices", [](Snapshot& snapshot) { return list_devices(snapshot, std::nullopt, 100); });
  timed("problems, a page of 100", [](Snapshot& snapshot) { return list_problems(snapshot, std::nullopt, 100); });
  timed("known problems", [](Snapshot& snapshot) { return known_problems(snapshot); });
  const schema::Group group{.device = "NVIDIA_H200",
                            .problem = problem(size.problems / 2),
                            .kernel = "vllm",
                            .kernel_digest = "0123456789abcdef0123456789abcdef",
                            .compiler = "triton 3.6.0",
                            .origin = schema::Origin::imported};
  timed("known failures", [&](Snapshot& snapshot) { return known_failures(snapshot, group, "sm_90"); });
  timed("reusable trials", [&](Snapshot& snapshot) { return reusable_trials(snapshot, group); });
}

void run(const std::filesystem::path& folder, const Size& size) {
  {
    const auto database = must(Database::open(folder, Access::read_write));
    import(*database, size);
  }
  print("database", static_cast<double>(std::filesystem::file_size(database_path(folder))) / 1e6, "MB");
  std::unique_ptr<Database> database;
  print("open", 1e3 * seconds_of([&] { database = must(Database::open(folder, Access::read_write)); }), "ms");
  ask_best(*database, size, 1);
  ask_best(*database, size, 2);
  list_rows(*database, size);
  ask_catalog(*database, size);
  print("largest resident memory", static_cast<double>(resident_kib()) / 1024, "MiB");
  print("backup", seconds_of([&] { must(database->backup(folder / "copy.db", Overwrite::no)); }), "s");
  std::size_t findings = 0;
  print("check", seconds_of([&] { findings = must(check_database(folder)).findings.size(); }), "s");
  if (findings != 0) throw std::runtime_error("the check found something");
}

}  // namespace
}  // namespace moetune::db

int main(int argc, char** argv) {
  std::string folder;
  moetune::db::Size size;
  CLI::App app("Speed of the store on a large database");
  app.add_option("folder", folder, "a folder that does not exist yet")->required()->check(CLI::NonexistentPath);
  app.add_option("--rows", size.rows, "rows to import")->check(CLI::PositiveNumber);
  app.add_option("--problems", size.problems, "problems that they are spread over")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    moetune::db::run(folder, size);
  } catch (const std::exception& failure) {
    std::cerr << "store_bench: " << failure.what() << "\n";
    return 1;
  }
  return 0;
}
