#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/supervisor/poller.hpp"
#include "daemon/supervisor/worker_process.hpp"

namespace moetune::daemon::testing {

/// One worker under a poller of its own, and what it has reported so far.
class WorkerHarness {
 public:
  explicit WorkerHarness(WorkerProcess::Options options)
      : worker_(WorkerProcess::start(poller_, std::move(options)).value()) {}

  WorkerProcess& worker() { return *worker_; }
  Poller& poller() { return poller_; }
  const std::vector<WorkerEvent>& events() const { return events_; }

  /// Drives the worker until there is an event of that kind; null when none comes in a minute.
  template <typename Event>
  const Event* wait_for() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < deadline) {
      while (seen_ < events_.size()) {
        if (const auto* event = std::get_if<Event>(&events_[seen_++])) return event;
      }
      poller_.wait(std::chrono::seconds(10));
      for (auto& event : worker_->take_events()) events_.push_back(std::move(event));
    }
    ADD_FAILURE() << "no such event in a minute";
    return nullptr;
  }

 private:
  Poller poller_ = Poller::create().value();
  std::unique_ptr<WorkerProcess> worker_;
  std::vector<WorkerEvent> events_;
  std::size_t seen_ = 0;
};

}  // namespace moetune::daemon::testing
