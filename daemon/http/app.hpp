#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

#include "daemon/http/access.hpp"
#include "daemon/http/http_metrics.hpp"
#include "daemon/http/server.hpp"
#include "daemon/http/slots.hpp"
#include "schema/timestamp.hpp"

namespace moetune::daemon::http {

/// What all requests share: the services, the limits, and the server's own state. Thread-safe.
struct App {
  App(const Services& given, const Limits& chosen, Access checks)
      : services(given),
        limits(chosen),
        access(std::move(checks)),
        event_streams("event streams", chosen.event_streams),
        bulk_transfers("places for uploads, imports and streamed answers", chosen.bulk_transfers) {}

  const Services services;
  const Limits limits;
  const Access access;
  const schema::Timestamp started_at = schema::now();
  const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();  ///< no clock change moves it
  Slots event_streams;
  Slots bulk_transfers;
  HttpMetrics metrics;
  std::atomic<std::size_t> connections = 0;
  std::atomic<bool> stopping = false;
};

}  // namespace moetune::daemon::http
