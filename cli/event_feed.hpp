#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/sse_parser.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// Reads one event stream on a thread of its own and hands the events to the thread that polls wake_fd(). Destroying it
/// ends the stream.
class EventFeed {
 public:
  EventFeed(const Endpoint& endpoint, std::string path);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  /// Readable when take() has something new to tell.
  int wake_fd() const;

  struct News {
    std::vector<SseEvent> events;
    bool ended = false;                  ///< nothing more will come
    std::optional<schema::Error> error;  ///< why it ended, unless the server ended it in order
  };
  News take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moetune::cli
