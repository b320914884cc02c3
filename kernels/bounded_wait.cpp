#include "kernels/bounded_wait.hpp"

#include <thread>

namespace moetune::kernels {

using schema::fail;

namespace {
// Most waits end within a millisecond, and a sleep would add its wake-up to each.
constexpr std::chrono::milliseconds k_spin{2};
constexpr std::chrono::microseconds k_nap{50};
}  // namespace

Result<void> wait_bounded(const Event& event, SteadyTime deadline, PowerWatch& watch) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    const auto done = event.done();
    if (!done) return std::unexpected(done.error());
    if (*done) return {};
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return fail(ErrorCode::unavailable, "the kernel did not end in time", {{"timed_out", true}});
    watch.look();
    if (now - begin > k_spin) std::this_thread::sleep_for(k_nap);
  }
}

bool is_timeout(const Error& error) {
  return error.detail.is_object() && error.detail.value("timed_out", false);
}

}  // namespace moetune::kernels
