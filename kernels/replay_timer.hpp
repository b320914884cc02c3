#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/bounded_wait.hpp"
#include "kernels/cuda_driver.hpp"
#include "kernels/power_watch.hpp"
#include "kernels/sample_plan.hpp"

namespace moetune::kernels {

/// Launches one graph's worth of work into the timer's stream.
using Recorder = std::function<Result<void>()>;

/// What to time and how.
struct ReplayRequest {
  std::vector<Recorder> recorders = {};  ///< of one graph each; a round replays every graph once, in this order
  std::int64_t passes = 1;               ///< a sample is the time of a round divided by this
  std::optional<double> best_us = {};    ///< see has_enough_samples()
  bool heavy = false;                    ///< rest, so that the GPU is busy at most 20 % of the time
  Pace pace = Pace::round;               ///< quick: no rests, and one try; a round: few samples, all rests
  SteadyTime deadline = {};              ///< rests push it back
};

struct ReplayTimes {
  std::vector<double> samples_us;             ///< of all graphs together
  std::vector<std::vector<double>> parts_us;  ///< of each graph: what it is of each sample
  double busy_us = 0;                         ///< device time of all replays, dropped ones included
  /// The clock was low during a try, though not during the one that the samples come from. Quick: it was low.
  bool clock_fell = false;
};

/// Times replays of CUDA graphs by events inside them. The first round is dropped; after a pause long enough for the
/// GPU to fall asleep, as many as wake it up. When the clock falls the work is measured again, rested, a bounded number
/// of times. Work that comes after quick work waits until its heat is gone. Holds its events; one per stream, used by
/// one thread.
class ReplayTimer {
 public:
  static Result<ReplayTimer> create(const Stream& stream, PowerWatch& watch);

  /// Errors: what the work failed with; is_timeout() at the deadline.
  Result<ReplayTimes> measure(ReplayRequest request);
  /// Microseconds of one execution of `recorder`, the median of three replays of ten of them. For work that is not
  /// tuned.
  Result<double> measure_simple(const Recorder& recorder, SteadyTime deadline);

 private:
  using Graphs = std::vector<GraphExec>;
  ReplayTimer(const Stream& stream, PowerWatch& watch, Event begin, Event end, Event done)
      : stream_(&stream), watch_(&watch), begin_(std::move(begin)), end_(std::move(end)), done_(std::move(done)) {}
  Result<GraphExec> capture(const Recorder& recorder) const;
  Result<double> replay(const GraphExec& graph, SteadyTime deadline);
  /// Microseconds of each graph.
  Result<std::vector<double>> replay_round(const Graphs& graphs, const ReplayRequest& request, ReplayTimes& times);
  /// Rounds that do not count: one, or as many as wake the GPU up. The time of the last.
  Result<double> warm_up(const Graphs& graphs, const ReplayRequest& request, ReplayTimes& times);
  /// One round that counts; its time.
  Result<double> add_sample(const Graphs& graphs, const ReplayRequest& request, ReplayTimes& times);
  Result<void> sample(const Graphs& graphs, ReplayRequest& request, ReplayTimes& times);
  void rest(ReplayRequest& request, std::chrono::microseconds duration) const;
  /// How long to rest until all heat is gone, and a low clock has had time to come back.
  std::chrono::microseconds time_to_cool() const;

  const Stream* stream_;
  PowerWatch* watch_;
  Event begin_, end_;  // nodes of every graph
  Event done_;         // behind the launch, to wait for
  SteadyTime last_busy_{};
  bool rest_is_due_ = false;  // after quick work
};

}  // namespace moetune::kernels
