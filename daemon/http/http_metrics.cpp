#include "daemon/http/http_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace moetune::daemon::http {
namespace {

std::string_view label_of(std::string_view route) {
  return route.empty() ? "unknown" : route;
}

}  // namespace

void HttpMetrics::count(std::string_view method, std::string_view route, int status,
                        std::chrono::duration<double> took) {
  ++total_;
  const std::lock_guard lock(mutex_);
  ++requests_[{std::string(label_of(route)), std::string(method), status}];
  Times& times = times_[std::string(label_of(route))];
  const auto bucket = std::ranges::lower_bound(k_buckets, took.count()) - k_buckets.begin();
  ++times.counts[static_cast<std::size_t>(bucket)];
  times.sum += took.count();
}

void HttpMetrics::write(std::string& text) const {
  const std::lock_guard lock(mutex_);
  const auto out = std::back_inserter(text);
  write_family(text, "moetune_http_requests_total", "counter", "answered HTTP requests");
  for (const auto& [key, count] : requests_) {
    const auto& [route, method, status] = key;
    fmt::format_to(out, "moetune_http_requests_total{{route=\"{}\",method=\"{}\",status=\"{}\"}} {}\n", route, method,
                   status, count);
  }
  write_family(text, "moetune_http_request_duration_seconds", "histogram",
               "time from a request to the end of its answer");
  for (const auto& [route, times] : times_) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < times.counts.size(); ++i) {
      total += times.counts[i];
      const std::string end = i < k_buckets.size() ? fmt::format("{}", k_buckets[i]) : "+Inf";
      fmt::format_to(out, "moetune_http_request_duration_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}\n", route, end,
                     total);
    }
    fmt::format_to(out, "moetune_http_request_duration_seconds_sum{{route=\"{}\"}} {}\n", route, times.sum);
    fmt::format_to(out, "moetune_http_request_duration_seconds_count{{route=\"{}\"}} {}\n", route, total);
  }
}

void write_family(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(text), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

}  // namespace moetune::daemon::http
