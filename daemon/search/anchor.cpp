#include "daemon/search/anchor.hpp"

#include <algorithm>
#include <cmath>

#include "schema/trial.hpp"

namespace moetune::daemon::search {
namespace {

double spread_of(const std::vector<double>& samples_us) {
  const auto [least, most] = std::ranges::minmax(samples_us);
  return (most - least) / schema::median(samples_us);
}

bool has_neighbour(const std::string& throttle) {
  return throttle.find("other process") != std::string::npos;
}

}  // namespace

std::string_view name_of(AnchorState state) {
  switch (state) {
    case AnchorState::drifted:
      return "drifted";
    case AnchorState::disturbed:
      return "disturbed";
    case AnchorState::throttled:
      return "throttled";
    default:
      return "good";
  }
}

Anchor::Anchor(const std::vector<std::int64_t>& opening, std::vector<std::int64_t> later, const AnchorRule& rule)
    : rule_(rule),
      later_(std::move(later)),
      to_measure_(opening.begin(), opening.end()),
      look_at_s_(rule.every_s),
      next_wait_s_(rule.first_wait_s) {
  for (const std::int64_t batch : opening) ++learning_[batch];
}

std::optional<std::int64_t> Anchor::due(double now_s) const {
  if (under_way_ || losses_ >= k_most_losses) return std::nullopt;
  if (!to_measure_.empty()) return holds() && now_s < look_at_s_ ? std::nullopt : std::optional(to_measure_.front());
  if (closed_ || later_.empty() || now_s < look_at_s_) return std::nullopt;
  return later_.front();
}

void Anchor::lost() {
  under_way_ = false;
  if (++losses_ >= k_most_losses) state_ = AnchorState::good;
}

void Anchor::skip(std::int64_t batch) {
  std::erase(to_measure_, batch);
  std::erase(later_, batch);
  learning_.erase(batch);
}

void Anchor::close(double now_s) {
  constexpr double k_fresh_s = 2;
  if (closed_) return;
  closed_ = true;
  if (to_measure_.empty() && !later_.empty() && now_s - last_look_s_ > k_fresh_s) to_measure_ = {later_.front()};
}

void Anchor::look_again(std::int64_t batch, std::size_t times) {
  to_measure_.assign(times, batch);
}

void Anchor::learn(const AnchorReading& reading) {
  Usual& usual = usual_[reading.batch];
  usual.medians_us.push_back(schema::median(reading.samples_us));
  usual.spreads.push_back(spread_of(reading.samples_us));
  if (!usual.clock_mhz) usual.clock_mhz = reading.sm_clock_mhz;
  usual.throttle += reading.throttle;
}

AnchorState Anchor::judge(const AnchorReading& reading) {
  const Usual& usual = usual_.at(reading.batch);
  const double begin_us = schema::median(usual.medians_us);
  change_ = schema::median(reading.samples_us) / begin_us - 1;
  const double spread = std::max(rule_.spread, rule_.usual_times * schema::median(usual.spreads));
  const bool has_come = has_neighbour(reading.throttle) && !has_neighbour(usual.throttle);
  if (has_come || spread_of(reading.samples_us) > spread) return AnchorState::disturbed;
  const double noise = 2 * spread_of(usual.medians_us);
  if (std::abs(change_) <= std::max(rule_.drift, noise)) return AnchorState::good;
  // The clock alone says little: a reading may be older than the job, and of heavy work before it.
  const auto clock = reading.sm_clock_mhz;
  const bool fell =
      clock && usual.clock_mhz && static_cast<double>(*clock) < rule_.clock * static_cast<double>(*usual.clock_mhz);
  return fell ? AnchorState::throttled : AnchorState::drifted;
}

AnchorState Anchor::tell(const AnchorReading& reading, double now_s) {
  under_way_ = false;
  const bool was_queued = !to_measure_.empty();
  if (was_queued) to_measure_.pop_front();
  last_look_s_ = now_s;
  const bool is_new = !usual_.contains(reading.batch);
  if (const auto learning = learning_.find(reading.batch); is_new || learning != learning_.end()) {
    learn(reading);
    if (learning != learning_.end() && --learning->second == 0) learning_.erase(learning);
    if (!was_queued && later_.size() > 1) to_measure_.assign(later_.begin() + 1, later_.end());
    if (to_measure_.empty()) look_at_s_ = now_s + rule_.every_s;
    return AnchorState::good;
  }
  const AnchorState found = judge(reading);
  if (found == AnchorState::good) {
    const bool recovers = holds();
    state_ = found;
    in_a_row_ = 0;
    if (recovers) {
      to_measure_.clear();
      next_wait_s_ = rule_.first_wait_s;
      waited_s_ = 0;
    }
    if (!was_queued && later_.size() > 1) to_measure_.assign(later_.begin() + 1, later_.end());
    if (to_measure_.empty()) look_at_s_ = now_s + rule_.every_s;
    return found;
  }
  state_ = found;
  if (++in_a_row_ < rule_.confirming) {
    look_again(reading.batch, rule_.confirming - in_a_row_);
    look_at_s_ = now_s;
  } else {
    wait_or_accept(reading, now_s);
  }
  return found;
}

void Anchor::wait_or_accept(const AnchorReading& reading, double now_s) {
  const double left = std::min(rule_.longest_wait_s - waited_s_, rule_.longest_waits_s - waited_in_all_s_);
  if (left > 0 && !closed_) {
    const double wait_s = std::min(next_wait_s_, left);
    waited_s_ += wait_s;
    waited_in_all_s_ += wait_s;
    next_wait_s_ *= 2;
    look_again(reading.batch, 1);
    look_at_s_ = now_s + wait_s;
    return;
  }
  // The other batches' usual times are no longer true either.
  usual_.clear();
  learning_.clear();
  learn(reading);
  to_measure_.clear();
  state_ = AnchorState::good;
  in_a_row_ = 0;
  next_wait_s_ = rule_.first_wait_s;
  waited_s_ = 0;
  look_at_s_ = now_s + rule_.every_s;
}

std::vector<DoubtfulInterval> doubtful_intervals(const std::vector<JudgedReading>& readings) {
  std::vector<DoubtfulInterval> intervals;
  std::optional<std::int64_t> last_good;
  std::size_t in_a_row = 0;
  for (const JudgedReading& reading : readings) {
    if (reading.state == AnchorState::good) {
      if (in_a_row > 1) intervals.back().to_ms = reading.at_ms;
      last_good = reading.at_ms;
      in_a_row = 0;
    } else if (++in_a_row == 2) {
      intervals.push_back({last_good.value_or(reading.at_ms), std::nullopt, reading.state});
    }
  }
  return intervals;
}

std::optional<double> slower_by(const OpeningTimes& first, const OpeningTimes& second, const AnchorRule& rule) {
  double logs = 0;
  int batches = 0;
  bool beyond_noise = false;
  for (const auto& [batch, times_us] : first) {
    const auto others = second.find(batch);
    if (others == second.end() || times_us.empty() || others->second.empty()) continue;
    logs += std::log(schema::median(others->second) / schema::median(times_us));
    ++batches;
    beyond_noise = beyond_noise || std::ranges::min(others->second) > std::ranges::max(times_us) ||
                   std::ranges::max(others->second) < std::ranges::min(times_us);
  }
  if (batches == 0 || !beyond_noise) return std::nullopt;
  const double slower = std::exp(logs / batches) - 1;
  return std::abs(slower) > rule.drift ? std::optional(slower) : std::nullopt;
}

}  // namespace moetune::daemon::search
