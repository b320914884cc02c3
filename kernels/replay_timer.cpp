#include "kernels/replay_timer.hpp"

#include <algorithm>
#include <thread>

#include "kernels/sample_plan.hpp"
#include "schema/trial.hpp"

namespace moetune::kernels {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int k_tries = 3;
constexpr milliseconds k_recovery{150};      // rest after the clock has fallen: by then the reading is a new one
constexpr milliseconds k_drowsy_after{300};  // pauses from here on let the GPU lower its clock
constexpr double k_wake_up_us = 3000;
constexpr int k_simple_repeats = 10;
constexpr int k_simple_replays = 3;

microseconds rounded(double us) {
  return microseconds{static_cast<std::int64_t>(us) + 1};
}

/// What a replay of `us` adds to the heat.
microseconds heat_of(double us, const ReplayRequest& request) {
  return rounded(us * heat_share(us / static_cast<double>(request.passes), request.best_us));
}

}  // namespace

Result<ReplayTimer> ReplayTimer::create(const Stream& stream, PowerWatch& watch) {
  auto begin = Event::create();
  if (!begin) return std::unexpected(begin.error());
  auto end = Event::create();
  if (!end) return std::unexpected(end.error());
  auto done = Event::create();
  if (!done) return std::unexpected(done.error());
  return ReplayTimer(stream, watch, std::move(*begin), std::move(*end), std::move(*done));
}

Result<GraphExec> ReplayTimer::capture(const std::function<Result<void>()>& record) const {
  auto graph = GraphExec::capture(*stream_, [&]() -> Result<void> {
    auto recorded = begin_.record_in_graph(*stream_);
    if (recorded) recorded = record();
    if (recorded) recorded = end_.record_in_graph(*stream_);
    return recorded;
  });
  if (!graph) return graph;
  if (auto uploaded = graph->upload(*stream_); !uploaded) return std::unexpected(uploaded.error());
  return graph;
}

Result<double> ReplayTimer::replay(const GraphExec& graph, const ReplayRequest& request) {
  auto done = graph.launch(*stream_);
  if (done) done = done_.record(*stream_);
  if (done) done = wait_bounded(done_, request.deadline, *watch_);
  if (!done) return std::unexpected(done.error());
  last_busy_ = steady_clock::now();
  const auto us = Event::elapsed_us(begin_, end_);
  if (us) watch_->heat().worked(heat_of(*us, request), last_busy_);
  return us;
}

void ReplayTimer::rest(ReplayRequest& request, microseconds duration) const {
  if (duration <= microseconds{0}) return;
  std::this_thread::sleep_for(duration);
  request.deadline += duration;
}

Result<double> ReplayTimer::warm_up(const GraphExec& graph, ReplayRequest& request, ReplayTimes& times) {
  double to_drop = steady_clock::now() - last_busy_ > k_drowsy_after ? k_wake_up_us : 0;
  for (;;) {
    const auto us = replay(graph, request);
    if (!us) return us;
    times.busy_us += *us;
    to_drop -= *us;
    if (to_drop <= 0) return us;
  }
}

Result<void> ReplayTimer::sample(const GraphExec& graph, ReplayRequest& request, ReplayTimes& times) {
  times.samples_us.clear();
  auto us = warm_up(graph, request, times);
  const auto passes = static_cast<double>(request.passes);
  if (us && request.heavy) {
    // All samples from one stretch of work that begins cool; a replay that follows a rest is slower and does not count.
    const bool contends = is_contender(*us / passes, request.best_us);
    const microseconds all = heat_of(*us, request) * ((contends ? k_max_samples : k_min_samples) + 1);
    rest(request, watch_->heat().rest_before(all, steady_clock::now()));
    us = warm_up(graph, request, times);
  }
  while (us && !has_enough_samples(times.samples_us, request.best_us)) {
    if (request.heavy) rest(request, watch_->heat().rest_before(heat_of(*us, request), steady_clock::now()));
    us = replay(graph, request);
    if (!us) break;
    times.busy_us += *us;
    times.samples_us.push_back(*us / passes);
  }
  if (!us) return std::unexpected(us.error());
  return {};
}

Result<ReplayTimes> ReplayTimer::measure(ReplayRequest request) {
  const auto graph = capture(request.record);
  if (!graph) return std::unexpected(graph.error());
  ReplayTimes times;
  for (int attempt = 1;; ++attempt) {
    watch_->begin();
    if (auto done = sample(*graph, request, times); !done) return std::unexpected(done.error());
    if (!watch_->clock_fell()) return times;
    times.clock_fell = true;
    request.heavy = true;
    if (attempt == k_tries) {
      watch_->accept_clock();
      return times;
    }
    rest(request,
         std::max<microseconds>(k_recovery, watch_->heat().rest_before(HeatBudget::k_burst, steady_clock::now())));
  }
}

Result<double> ReplayTimer::measure_simple(const std::function<Result<void>()>& record, SteadyTime deadline) {
  const auto graph = capture([&]() -> Result<void> {
    for (int i = 0; i < k_simple_repeats; ++i) {
      if (auto recorded = record(); !recorded) return recorded;
    }
    return {};
  });
  if (!graph) return std::unexpected(graph.error());
  ReplayRequest request;
  request.deadline = deadline;
  std::vector<double> samples;
  for (int i = 0; i <= k_simple_replays; ++i) {
    const auto us = replay(*graph, request);
    if (!us) return us;
    if (i > 0) samples.push_back(*us / k_simple_repeats);
  }
  return schema::median(samples);
}

}  // namespace moetune::kernels
