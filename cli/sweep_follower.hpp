#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/client.hpp"
#include "cli/connector.hpp"
#include "cli/event_feed.hpp"
#include "cli/progress_display.hpp"
#include "cli/signal_watch.hpp"
#include "cli/sweep_status.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// Follows one sweep on a display until it ends or the person interrupts. Server-sent events say when there is news; a
/// stream that breaks is taken up again, also at a daemon that was restarted elsewhere, and a daemon that this process
/// started is started again. Not thread-safe; its objects outlive it.
class SweepFollower {
 public:
  enum class End { finished, detached };
  struct Outcome {
    End end = End::finished;
    SweepStatus status;
    nlohmann::ordered_json answer;  ///< of GET /sweeps/{id}, as it was last
  };

  SweepFollower(Connector& connector, Client client, std::int64_t id, ProgressDisplay& display);
  /// How long a daemon may be away before following it is given up.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }
  /// Errors: not_found when there is no such sweep; unavailable when the daemon stays away.
  schema::Result<Outcome> follow();
  /// Where the daemon was last.
  const Client& client() const { return client_; }

 private:
  using Clock = std::chrono::steady_clock;

  schema::Result<void> refresh();
  schema::Result<void> apply(const SseEvent& event);
  schema::Result<void> take_events();
  schema::Result<void> reconnect();
  schema::Result<void> keep_up();
  schema::Result<Client> reach_daemon();
  bool obey_signals();
  void wait() const;

  Connector& connector_;
  Client client_;
  std::int64_t id_;
  ProgressDisplay& display_;
  std::chrono::milliseconds patience_{60'000};

  SignalWatch signals_;
  nlohmann::ordered_json answer_;
  SweepStatus status_;
  std::string note_;
  std::unique_ptr<EventFeed> feed_;
  Clock::time_point last_attempt_{};
  std::optional<Clock::time_point> lost_since_;
};

}  // namespace moetune::cli
