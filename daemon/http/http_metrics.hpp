#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace moetune::daemon::http {

/// Counts answered requests by route and status, and their times. Thread-safe.
class HttpMetrics {
 public:
  /// Upper ends of the histogram's buckets, in seconds; one more counts what is above.
  static constexpr std::array<double, 12> k_buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                       0.1,   0.25,   0.5,   1,    5,     30};

  /// `route` is a pattern of the table, or empty for a request that matched none.
  void count(std::string_view method, std::string_view route, int status, std::chrono::duration<double> took);

  /// All that have been counted.
  std::uint64_t requests() const { return total_; }

  /// Appends the families in Prometheus' text form.
  void write(std::string& text) const;

 private:
  struct Times {
    std::array<std::uint64_t, k_buckets.size() + 1> counts{};
    double sum = 0;
  };

  std::atomic<std::uint64_t> total_ = 0;
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, std::uint64_t> requests_;  ///< by route, method, status
  std::map<std::string, Times, std::less<>> times_;                              ///< by route
};

/// Appends "# HELP", "# TYPE" of a family. `type`: counter, gauge or histogram.
void write_family(std::string& text, std::string_view name, std::string_view type, std::string_view help);

}  // namespace moetune::daemon::http
