#include "tests/storm/killer.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/storm/storm.hpp"

namespace moetune::storm {
namespace {

using namespace std::chrono_literals;

/// A stopped worker gets its next job within that, if there is one.
constexpr auto k_job_patience = 400ms;
/// What a stopped worker has answered before reaches the database within that.
constexpr auto k_settle_time = 30ms;

}  // namespace

std::string_view name_of(Victim victim) {
  switch (victim) {
    case Victim::daemon:
      return "daemon";
    case Victim::compile_worker:
      return "compile worker";
    case Victim::measure_worker:
      return "measure worker";
  }
  std::unreachable();
}

Killer::Killer(std::filesystem::path data_dir, unsigned seed) : data_dir_(std::move(data_dir)), random_(seed) {}

bool Killer::has_job(Victim victim) const {
  const AttemptCounts counts = count_attempts(data_dir_);
  switch (victim) {
    case Victim::daemon:
      return counts.open_compiles + counts.open_measurements > 0;
    // Which slot has which job is not stored: when all have one, so has this one.
    case Victim::compile_worker:
      return counts.open_compiles == k_compile_jobs;
    case Victim::measure_worker:
      return counts.open_measurements > 0;
  }
  std::unreachable();
}

std::optional<Victim> Killer::strike(const e2e::RunningDaemon& daemon) {
  std::array order{Victim::daemon, Victim::compile_worker, Victim::measure_worker};
  std::ranges::shuffle(order, random_);
  for (const Victim victim : order) {
    auto pids = victim == Victim::daemon           ? std::vector{daemon.pid()}
                : victim == Victim::compile_worker ? daemon.workers("moetune-compile-worker")
                                                   : daemon.workers("moetune-measure-worker");
    if (pids.empty()) continue;
    const pid_t pid = pids[random_() % pids.size()];
    ::kill(pid, SIGSTOP);
    std::this_thread::sleep_for(k_settle_time);
    bool hit = has_job(victim);
    for (auto waited = 0ms; !hit && victim != Victim::daemon && waited < k_job_patience; waited += 20ms) {
      std::this_thread::sleep_for(20ms);
      hit = has_job(victim);
    }
    ::kill(pid, hit ? SIGKILL : SIGCONT);
    if (!hit) continue;
    ++kills_[victim];
    return victim;
  }
  return std::nullopt;
}

std::size_t Killer::kills() const {
  std::size_t sum = 0;
  for (const auto& [victim, count] : kills_) sum += count;
  return sum;
}

std::string Killer::summary() const {
  std::string text;
  for (const auto& [victim, count] : kills_)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name_of(victim));
  return text;
}

}  // namespace moetune::storm
