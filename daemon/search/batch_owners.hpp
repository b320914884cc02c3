#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/search/batch_ranks.hpp"

namespace moetune::daemon::search {

/// Which measure worker a batch belongs to. All rows of a batch come from one GPU, so that they can be compared; which
/// one it is turns out when it begins: a worker that runs dry begins the batch with the most work that is still free,
/// as long as that leaves it with its fair share of what is left, so that no GPU ends long before another. What a
/// trial costs is the time that those of its batch took; of a batch without any it is taken to grow with the batch.
/// With one worker everything is its own from the start. Not thread-safe.
class BatchOwners {
 public:
  BatchOwners(const std::vector<std::int64_t>& batches, std::size_t workers);

  std::optional<std::size_t> owner_of(std::int64_t batch) const;
  /// From now on the batch belongs to the worker. Precondition: it belongs to nobody, or to this worker.
  void assign(std::int64_t batch, std::size_t worker);

  /// A trial of the batch took so long.
  void took(std::int64_t batch, double seconds);
  /// So many more trials of each batch are likely to come, beyond those that wait.
  void expect(const std::map<std::int64_t, std::size_t>& more) { expected_ = more; }

  /// From now on a worker begins the free batch of the first rank, of equals the one with the most work.
  void prefer(BatchRanks ranks) { ranks_ = std::move(ranks); }

  /// Trials of a free batch that could begin now, and all that are unfinished.
  struct Work {
    std::size_t unfinished = 0;
    bool can_begin = false;
  };
  /// The free batch that a worker without other work is to begin, if any; `work` is of all batches.
  std::optional<std::int64_t> next_for(std::size_t worker, const std::map<std::int64_t, Work>& work) const;
  /// The worker with the least left to do: for what has to be done now and belongs to nobody.
  std::size_t least_loaded(const std::map<std::int64_t, Work>& work) const;

 private:
  struct Batch {
    std::optional<std::size_t> owner;
    double seconds = 0;  ///< of `trials` trials
    std::size_t trials = 0;
  };
  double cost_of(std::int64_t batch) const;
  /// Seconds, or what stands for them, left of each worker's own batches; last that of free ones.
  std::vector<double> loads(const std::map<std::int64_t, Work>& work) const;
  double left_of(std::int64_t batch, const Work& work) const;

  std::size_t workers_;
  std::map<std::int64_t, Batch> batches_;
  std::map<std::int64_t, std::size_t> expected_;
  BatchRanks ranks_;
};

}  // namespace moetune::daemon::search
