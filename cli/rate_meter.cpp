#include "cli/rate_meter.hpp"

namespace moetune::cli {
namespace {

constexpr std::chrono::seconds k_window{30};
constexpr std::chrono::milliseconds k_resolution{200};

}  // namespace

void RateMeter::add(Clock::time_point now, std::int64_t done) {
  if (!counts_.empty() && done < counts_.back().second) counts_.clear();
  if (!counts_.empty() && counts_.size() > 1 && now - counts_[counts_.size() - 2].first < k_resolution) {
    counts_.back() = {now, done};
  } else {
    counts_.emplace_back(now, done);
  }
  // The last count before the window stays: the window begins with it.
  while (counts_.size() > 2 && now - counts_[1].first >= k_window) counts_.pop_front();
}

std::optional<double> RateMeter::per_second(Clock::time_point now) const {
  if (counts_.size() < 2) return std::nullopt;
  const double seconds = std::chrono::duration<double>(now - counts_.front().first).count();
  if (seconds < 1) return std::nullopt;
  return static_cast<double>(counts_.back().second - counts_.front().second) / seconds;
}

}  // namespace moetune::cli
