#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/sweep_control.hpp"

namespace moetune::daemon {

/// Hands the events of sweeps to their subscribers. Keeps no history: a stream starts with what is published after it
/// was made. Thread-safe.
class EventHub {
 public:
  EventHub();
  ~EventHub();

  std::unique_ptr<EventStream> subscribe(std::int64_t sweep);
  /// True when somebody listens, so that nobody renders events for nobody.
  bool has_subscribers(std::int64_t sweep) const;
  void publish(std::int64_t sweep, const SweepEvent& event);
  /// The sweep's last event has been published: its streams end once they have delivered it.
  void finish(std::int64_t sweep);
  /// Every stream ends; later ones are over at once.
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace moetune::daemon
