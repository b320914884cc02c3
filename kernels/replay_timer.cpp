#include "kernels/replay_timer.hpp"

#include <algorithm>
#include <numeric>
#include <thread>
#include <utility>

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

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// What a round of `us` adds to the heat.
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

Result<GraphExec> ReplayTimer::capture(const Recorder& recorder) const {
  auto graph = GraphExec::capture(*stream_, [&]() -> Result<void> {
    auto recorded = begin_.record_in_graph(*stream_);
    if (recorded) recorded = recorder();
    if (recorded) recorded = end_.record_in_graph(*stream_);
    return recorded;
  });
  if (!graph) return graph;
  if (auto uploaded = graph->upload(*stream_); !uploaded) return std::unexpected(uploaded.error());
  return graph;
}

Result<double> ReplayTimer::replay(const GraphExec& graph, SteadyTime deadline) {
  auto done = graph.launch(*stream_);
  if (done) done = done_.record(*stream_);
  if (done) done = wait_bounded(done_, deadline, *watch_);
  if (!done) return std::unexpected(done.error());
  last_busy_ = steady_clock::now();
  return Event::elapsed_us(begin_, end_);
}

Result<std::vector<double>> ReplayTimer::replay_round(const Graphs& graphs, const ReplayRequest& request,
                                                      ReplayTimes& times) {
  std::vector<double> parts_us;
  for (const GraphExec& graph : graphs) {
    const auto us = replay(graph, request.deadline);
    if (!us) return std::unexpected(us.error());
    parts_us.push_back(*us);
  }
  const double us = sum_of(parts_us);
  times.busy_us += us;
  watch_->heat().worked(heat_of(us, request), last_busy_);
  return parts_us;
}

void ReplayTimer::rest(ReplayRequest& request, microseconds duration) const {
  if (duration <= microseconds{0}) return;
  std::this_thread::sleep_for(duration);
  request.deadline += duration;
}

microseconds ReplayTimer::time_to_cool() const {
  const auto heat = watch_->heat().rest_before(HeatBudget::k_burst, steady_clock::now());
  return watch_->clock_is_low() ? std::max<microseconds>(k_recovery, heat) : heat;
}

Result<double> ReplayTimer::warm_up(const Graphs& graphs, const ReplayRequest& request, ReplayTimes& times) {
  double to_drop = steady_clock::now() - last_busy_ > k_drowsy_after ? k_wake_up_us : 0;
  for (;;) {
    const auto parts_us = replay_round(graphs, request, times);
    if (!parts_us) return std::unexpected(parts_us.error());
    const double us = sum_of(*parts_us);
    to_drop -= us;
    if (to_drop <= 0) return us;
  }
}

Result<double> ReplayTimer::add_sample(const Graphs& graphs, const ReplayRequest& request, ReplayTimes& times) {
  const auto parts_us = replay_round(graphs, request, times);
  if (!parts_us) return std::unexpected(parts_us.error());
  const auto passes = static_cast<double>(request.passes);
  for (std::size_t i = 0; i < graphs.size(); ++i) times.parts_us[i].push_back((*parts_us)[i] / passes);
  const double us = sum_of(*parts_us);
  times.samples_us.push_back(us / passes);
  return us;
}

Result<void> ReplayTimer::sample(const Graphs& graphs, ReplayRequest& request, ReplayTimes& times) {
  times.samples_us.clear();
  times.parts_us.assign(graphs.size(), {});
  auto us = warm_up(graphs, request, times);
  if (us && request.heavy) {
    // All samples from one stretch of work that begins cool; a round that follows a rest is slower and does not count.
    const microseconds all = heat_of(*us, request) * (k_samples_of_job + 1);
    rest(request, watch_->heat().rest_before(all, steady_clock::now()));
    us = warm_up(graphs, request, times);
  }
  // Of GEMMs apart, which a scan looks for, one may be the best however slow both are together.
  const bool unrelated = graphs.size() > 1 && request.pace == Pace::quick;
  // One disturbed sample does not give a candidate up: the replay that warmed up has to agree.
  const bool promising =
      request.pace == Pace::quick && us && !is_hopeless(*us / static_cast<double>(request.passes), request.best_us);
  const auto best_us = unrelated || promising ? std::nullopt : request.best_us;
  while (us && !has_enough_samples(times.samples_us, best_us, request.pace)) {
    if (request.heavy) rest(request, watch_->heat().rest_before(heat_of(*us, request), steady_clock::now()));
    us = add_sample(graphs, request, times);
  }
  if (!us) return std::unexpected(us.error());
  return {};
}

Result<ReplayTimes> ReplayTimer::measure(ReplayRequest request) {
  Graphs graphs;
  for (const Recorder& recorder : request.recorders) {
    auto graph = capture(recorder);
    if (!graph) return std::unexpected(graph.error());
    graphs.push_back(std::move(*graph));
  }
  const bool quick = request.pace == Pace::quick;
  request.heavy = request.heavy && !quick;
  if (rest_is_due_ && !quick) rest(request, time_to_cool());
  rest_is_due_ = quick;
  ReplayTimes times;
  for (int attempt = 1;; ++attempt) {
    watch_->begin();
    if (auto done = sample(graphs, request, times); !done) return std::unexpected(done.error());
    times.clock_fell = times.clock_fell || watch_->clock_fell() || (quick && watch_->clock_is_low());
    // What a scan heats is no norm: the clock is told, and accepted only where rests did not bring it back.
    if (quick || !watch_->clock_fell()) return times;
    request.heavy = true;
    if (attempt == k_tries) {
      watch_->accept_clock();
      return times;
    }
    rest(request, time_to_cool());
  }
}

Result<double> ReplayTimer::measure_simple(const Recorder& recorder, SteadyTime deadline) {
  auto graph = capture([&]() -> Result<void> {
    for (int i = 0; i < k_simple_repeats; ++i) {
      if (auto recorded = recorder(); !recorded) return recorded;
    }
    return {};
  });
  if (!graph) return std::unexpected(graph.error());
  Graphs graphs;
  graphs.push_back(std::move(*graph));
  ReplayRequest request;
  request.passes = k_simple_repeats;
  request.deadline = deadline;
  ReplayTimes times;
  times.parts_us.resize(1);
  auto us = add_sample(graphs, request, times);
  times.samples_us.clear();
  while (us && times.samples_us.size() < k_simple_replays) us = add_sample(graphs, request, times);
  return us ? Result<double>(schema::median(times.samples_us)) : us;
}

}  // namespace moetune::kernels
