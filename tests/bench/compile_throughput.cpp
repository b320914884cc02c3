// How fast the kernel `cuda` compiles: real compile workers, a sample of the tiles of a space, no cache. Prints kernels
// per second, processor seconds per kernel, start-up time of a worker and how its memory grows.

#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "daemon/search/space.hpp"
#include "daemon/supervisor/poller.hpp"
#include "daemon/supervisor/worker_process.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::daemon {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct Settings {
  std::string worker = "moetune-compile-worker";
  std::string dtype = "fp8_w8a8";
  std::string space = "vllm";
  std::string arch = "sm_90a";
  std::size_t jobs = 1;
  std::size_t sample = 64;
  std::size_t repeat = 1;
};

struct Slot {
  std::unique_ptr<WorkerProcess> process;
  Clock::time_point started;
  std::string output;
};

/// What has been seen so far.
struct Tally {
  std::map<std::string, int> by_status;
  std::vector<double> starts;  ///< seconds until Hello
  std::vector<double> times;   ///< seconds in the compiler, of kernels that were compiled
  std::vector<std::int64_t> resident;
  std::int64_t cubin_bytes = 0;
  std::string slowest;
};

schema::Problem problem_of(const std::string& dtype) {
  schema::Problem problem{
      .num_experts = 256, .intermediate_size = 512, .hidden_size = 2048, .topk = 8, .block_shape = std::nullopt};
  if (dtype != "bf16") {
    problem.dtype = schema::dtype_from_name(dtype).value();
    problem.block_shape = schema::BlockShape{.n = 128, .k = 128};
  }
  return problem;
}

/// A random sample of the space's distinct kernels: GROUP_SIZE_M makes no kernel of its own.
std::vector<schema::TileConfig> sample_of(const Settings& settings, const schema::Problem& problem) {
  auto tiles = search::configurations(search::space_from_json(settings.space).value(), problem).value();
  for (auto& tile : tiles) tile.group_size_m = 1;
  std::ranges::sort(tiles);
  tiles.erase(std::ranges::unique(tiles).begin(), tiles.end());
  fmt::print("{} distinct kernels in the space {}\n", tiles.size(), settings.space);
  std::ranges::shuffle(tiles, std::mt19937(1));
  if (tiles.size() > settings.sample) tiles.resize(settings.sample);
  const auto once = tiles;
  for (std::size_t i = 1; i < settings.repeat; ++i) tiles.insert(tiles.end(), once.begin(), once.end());
  return tiles;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : settings_(settings), problem_(problem_of(settings.dtype)), todo_(sample_of(settings, problem_)) {}

  int run() {
    std::vector<Slot> slots(settings_.jobs);
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < slots.size(); ++i) start(slots[i], i);
    while (answered_ < todo_.size()) {
      poller_.wait(std::chrono::seconds(1));
      for (auto& slot : slots) {
        for (auto& event : slot.process->take_events()) {
          if (!handle(slot, event)) return 1;
        }
      }
    }
    const Seconds wall = Clock::now() - begin;
    slots.clear();
    report(wall.count());
    return 0;
  }

 private:
  void start(Slot& slot, std::size_t index) {
    WorkerProcess::Options options;
    options.command.argv = {settings_.worker};
    options.kind = "compile";
    slot.output = (std::filesystem::temp_directory_path() / fmt::format("moetune_bench_{}.cubin", index)).string();
    slot.started = Clock::now();
    slot.process = WorkerProcess::start(poller_, std::move(options)).value();
  }

  void send_next(Slot& slot) {
    if (next_ == todo_.size()) return;
    kernels::CompileJob job;
    job.id = static_cast<std::int64_t>(next_);
    job.arch = settings_.arch;
    job.problem = problem_;
    job.config = todo_[next_++];
    job.output = slot.output;
    slot.process->send(kernels::to_json(job), {.time = std::chrono::minutes(10)}).value();
  }

  /// False when a worker has died.
  bool handle(Slot& slot, const WorkerEvent& event) {
    if (const auto* ended = std::get_if<WorkerEnded>(&event)) {
      fmt::print(stderr, "compile worker {}: {}\n", ended->explanation, ended->log_tail);
      return false;
    }
    if (const auto* reply = std::get_if<WorkerReply>(&event)) {
      count(kernels::compile_reply_from_json(reply->body).value(), reply->resident_bytes);
    } else {
      tally_.starts.push_back(Seconds(Clock::now() - slot.started).count());
    }
    send_next(slot);
    return true;
  }

  void count(const kernels::CompileReply& reply, std::int64_t resident) {
    ++answered_;
    ++tally_.by_status[std::string(schema::name_of(reply.status))];
    tally_.resident.push_back(resident);
    if (reply.seconds == 0) return;
    if (tally_.times.empty() || reply.seconds > std::ranges::max(tally_.times)) {
      tally_.slowest = schema::short_text(todo_[static_cast<std::size_t>(reply.id)]);
    }
    tally_.times.push_back(reply.seconds);
    tally_.cubin_bytes += reply.cubin_bytes;
  }

  void report(double wall) const {
    rusage used{};
    ::getrusage(RUSAGE_CHILDREN, &used);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const double processor = seconds(used.ru_utime) + seconds(used.ru_stime);
    const auto compiled = static_cast<double>(tally_.times.size());
    for (const auto& [status, number] : tally_.by_status) fmt::print("{}: {}\n", status, number);
    fmt::print("{} jobs, {:.1f} s: {:.2f} kernels/s, {:.2f} per core; {:.3f} processor seconds per kernel\n",
               settings_.jobs, wall, compiled / wall, compiled / wall / static_cast<double>(settings_.jobs),
               processor / compiled);
    fmt::print("one kernel: median {:.3f} s, slowest {:.2f} s ({}), {:.1f} KB on average\n", median(tally_.times),
               std::ranges::max(tally_.times), tally_.slowest,
               static_cast<double>(tally_.cubin_bytes) / compiled / 1000);
    fmt::print("start-up: median {:.1f} ms\n", 1000 * median(tally_.starts));
    fmt::print("memory of a worker: {} MiB after its first kernel, {} MiB after its last, {} MiB at most\n",
               tally_.resident.front() >> 20, tally_.resident.back() >> 20, std::ranges::max(tally_.resident) >> 20);
  }

  const Settings& settings_;
  schema::Problem problem_;
  std::vector<schema::TileConfig> todo_;
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
  Tally tally_;
  Poller poller_ = Poller::create().value();
};

}  // namespace
}  // namespace moetune::daemon

int main(int argc, char** argv) {
  moetune::daemon::Settings settings;
  CLI::App app{"compiles a sample of a space with real compile workers and prints how fast that goes"};
  app.add_option("--worker", settings.worker, "the executable moetune-compile-worker")->capture_default_str();
  app.add_option("--dtype", settings.dtype, "fp8_w8a8 or bf16")->capture_default_str();
  app.add_option("--space", settings.space, "vllm or wide")->capture_default_str();
  app.add_option("--arch", settings.arch)->capture_default_str();
  app.add_option("--jobs", settings.jobs, "workers at once")->capture_default_str();
  app.add_option("--sample", settings.sample, "how many kernels")->capture_default_str();
  app.add_option("--repeat", settings.repeat, "how often each, to see memory grow")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return moetune::daemon::Bench(settings).run();
}
