// What the board of a sweep takes to give out all trials of an exhaustive sweep in heats, each once, and then two
// rounds of the finalists: no worker, no database.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "daemon/search/work_board.hpp"

namespace moetune::daemon::search {
namespace {

std::vector<Candidate> plan(int batches, int configs) {
  std::vector<Candidate> candidates;
  for (int config = 0; config < configs; ++config) {
    for (int batch = 1; batch <= batches; ++batch) {
      Candidate candidate;
      candidate.batch = batch;
      candidate.config.group_size_m = 1 + config;
      candidates.push_back(candidate);
    }
  }
  return candidates;
}

double seconds_of(int batches, int configs) {
  WorkBoard board(plan(batches, configs), 1, {}, 1, Order::heats);
  board.open_rounds();
  const auto begin = std::chrono::steady_clock::now();
  while (!board.done()) {
    const auto trial = board.next_trial(0);
    if (!trial) std::abort();
    const bool goes_on = trial->value < 4 * static_cast<std::size_t>(batches) && board.rounds_of(*trial) < 3;
    goes_on ? board.had_round(*trial) : board.finish(*trial);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace
}  // namespace moetune::daemon::search

int main() {
  constexpr int k_batches = 18;
  for (const int configs : {100, 300, 1000, 3000}) {
    double best = 1e9;
    for (int i = 0; i < 3; ++i) best = std::min(best, moetune::daemon::search::seconds_of(k_batches, configs));
    fmt::print("{:6} trials: {:8.3f} s\n", k_batches * configs, best);
  }
}
