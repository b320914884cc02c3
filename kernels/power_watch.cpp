#include "kernels/power_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moetune::kernels {

namespace {
constexpr std::chrono::milliseconds k_look_interval{5};
constexpr int k_look_share = 50;  // at most one 50th of the time goes into reading
constexpr std::chrono::seconds k_count_interval{1};
}  // namespace

void PowerWatch::begin() {
  lowest_mhz_.reset();
  throttle_bits_ = 0;
  fell_ = false;
}

void PowerWatch::look() {
  const auto now = std::chrono::steady_clock::now();
  if (!device_ || now < next_look_) return;
  read(now);
  const auto end = std::chrono::steady_clock::now();
  next_look_ = end + std::max<std::chrono::nanoseconds>(k_look_interval, (end - now) * k_look_share);
}

void PowerWatch::read(SteadyTime now) {
  if (const auto mhz = device_->sm_clock_mhz()) {
    norm_.see(*mhz);
    last_mhz_ = mhz;
    lowest_mhz_ = std::min(*mhz, lowest_mhz_.value_or(*mhz));
    fell_ = fell_ || norm_.is_low(*mhz);
  }
  throttle_bits_ |= device_->throttle_bits().value_or(0);
  if (now < next_count_) return;
  const std::size_t contexts = device_->compute_processes().size();
  neighbours_ = contexts > 0 ? contexts - 1 : 0;
  next_count_ = now + k_count_interval;
}

bool PowerWatch::clock_is_low() const {
  const auto mhz = sm_clock_mhz();
  return mhz && norm_.is_low(*mhz);
}

void PowerWatch::accept_clock() {
  if (lowest_mhz_) norm_.accept(*lowest_mhz_);
}

std::optional<std::int64_t> PowerWatch::sm_clock_mhz() const {
  return lowest_mhz_ ? lowest_mhz_ : last_mhz_;
}

std::string PowerWatch::throttle() const {
  std::string text = throttle_text(throttle_bits_);
  if (neighbours_ > 0) {
    text += fmt::format("{}{} other process{} on the GPU", text.empty() ? "" : "; ", neighbours_,
                        neighbours_ == 1 ? "" : "es");
  }
  return text;
}

}  // namespace moetune::kernels
