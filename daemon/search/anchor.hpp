#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moetune::daemon::search {

/// What a GPU is like, by a configuration that is measured again and again.
enum class AnchorState {
  good,       ///< as at the begin
  drifted,    ///< it takes another time than at the begin
  disturbed,  ///< its samples lie much further apart than usual, or another process has come
  throttled,  ///< that, and its clock has fallen
};
std::string_view name_of(AnchorState state);

/// One job of the anchor configuration.
struct AnchorReading {
  std::int64_t batch = 0;
  std::vector<double> samples_us;            ///< not empty
  std::optional<std::int64_t> sm_clock_mhz;  ///< empty where nobody can tell
  std::string throttle;                      ///< as in a row; empty: none
};

/// The figures of an anchor.
struct AnchorRule {
  double drift = 0.02;           ///< of the median against that of the begin
  double spread = 0.03;          ///< of one job's samples, (largest - smallest) / median, unless more is usual
  double usual_times = 5;        ///< a spread so many times the usual one is not usual
  double clock = 0.95;           ///< of the clock of the begin
  std::size_t confirming = 3;    ///< jobs that have to agree before a GPU is held back
  double every_s = 10;           ///< between two looks
  double first_wait_s = 1;       ///< doubled from wait to wait
  double longest_wait_s = 60;    ///< of all waits for one cause, and
  double longest_waits_s = 120;  ///< of all of a phase
};

/// Watches one GPU during one phase of a sweep. Which job of the anchor to run when, and whether candidates may be
/// measured meanwhile, follows from the answers and the time alone: no I/O. A look that finds the GPU changed is
/// repeated; where three jobs agree, the GPU is held back, waits and looks again, longer and longer. When waiting does
/// not help (the clock was locked, the room is warmer) the new state is taken for the usual one and the sweep goes on:
/// rows in between are doubtful (doubtful_intervals()). Times are seconds of a steady clock. Not thread-safe.
class Anchor {
 public:
  /// `opening`: a batch for each job at the begin, which tell what is usual; `later`: the batches of every later look,
  /// of which one without an opening is first to tell it. Empty ones are never due.
  Anchor(const std::vector<std::int64_t>& opening, std::vector<std::int64_t> later, const AnchorRule& rule = {});

  /// The batch whose anchor is to be measured now. One at a time: nothing while a job is under way.
  std::optional<std::int64_t> due(double now_s) const;
  /// The job has been sent.
  void sent() { under_way_ = true; }
  /// It has been lost with its worker. After `k_most_losses` of them the anchor rests for good.
  void lost();
  /// The answer; what the GPU is like by it.
  AnchorState tell(const AnchorReading& reading, double now_s);
  /// The batch has no anchor: its default does not run.
  void skip(std::int64_t batch);
  /// The phase ends: one last look, unless the last one is fresh.
  void close(double now_s);

  /// No candidate is to be measured: the GPU is not as it was, or that is being looked into.
  bool holds() const { return state_ != AnchorState::good; }
  AnchorState state() const { return state_; }
  /// The next answer is one of the begin, before which nothing is usual.
  bool opens() const { return !learning_.empty(); }
  /// By how much it differs from the begin, 0.03: slower by 3 %; by the last reading.
  double change() const { return change_; }
  /// Something is still to be measured before the phase may end.
  bool open(double now_s) const { return under_way_ || (!holds() && due(now_s)); }

  static constexpr int k_most_losses = 2;

 private:
  struct Usual {
    std::vector<double> medians_us;
    std::vector<double> spreads;
    std::optional<std::int64_t> clock_mhz;
    std::string throttle;
  };
  AnchorState judge(const AnchorReading& reading);
  void learn(const AnchorReading& reading);
  void look_again(std::int64_t batch, std::size_t times);
  void wait_or_accept(const AnchorReading& reading, double now_s);

  AnchorRule rule_;
  std::vector<std::int64_t> later_;
  std::deque<std::int64_t> to_measure_;
  std::map<std::int64_t, Usual> usual_;
  std::map<std::int64_t, std::size_t> learning_;  ///< jobs that are still to say what is usual
  bool under_way_ = false;
  bool closed_ = false;
  int losses_ = 0;
  AnchorState state_ = AnchorState::good;
  std::size_t in_a_row_ = 0;  ///< readings that were not good
  double change_ = 0;
  double look_at_s_ = 0;  ///< the next look
  double last_look_s_ = 0;
  double next_wait_s_;
  double waited_s_ = 0;  ///< for this cause
  double waited_in_all_s_ = 0;
};

/// A reading as it was stored, of one GPU.
struct JudgedReading {
  std::int64_t at_ms = 0;  ///< when it was taken
  AnchorState state = AnchorState::good;
};

/// Rows that a GPU measured after `from_ms` and before `to_ms` may differ from those of the rest of the sweep.
struct DoubtfulInterval {
  std::int64_t from_ms = 0;           ///< the last good reading before
  std::optional<std::int64_t> to_ms;  ///< the first good one after; none: it never became good
  AnchorState state = AnchorState::drifted;
  bool operator==(const DoubtfulInterval&) const = default;
};

/// `readings` of one GPU and phase, in their order. One reading alone that is not good is noise.
std::vector<DoubtfulInterval> doubtful_intervals(const std::vector<JudgedReading>& readings);

/// What a GPU took for the anchors at the begin of a sweep: medians in microseconds, by batch.
using OpeningTimes = std::map<std::int64_t, std::vector<double>>;

/// How much slower the second GPU is, 0.042: 4.2 % (below 0: faster), by the geometric mean over the batches that both
/// have measured. Nothing unless it is more than `rule.drift` and beyond the spread of both at one batch at least.
std::optional<double> slower_by(const OpeningTimes& first, const OpeningTimes& second, const AnchorRule& rule = {});

}  // namespace moetune::daemon::search
