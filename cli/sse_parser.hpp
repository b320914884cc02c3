#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace moetune::cli {

/// One server-sent event: its name ("message" when the server gives none) and its data lines joined by line ends.
struct SseEvent {
  std::string name;
  std::string data;
  bool operator==(const SseEvent&) const = default;
};

/// Cuts a text/event-stream into events, fed with pieces of any size. Comments, ids and retry hints are skipped; an
/// event that the stream breaks off in is dropped, as the format demands. Not thread-safe.
class SseParser {
 public:
  using Sink = std::function<void(SseEvent)>;
  explicit SseParser(Sink sink) : sink_(std::move(sink)) {}
  /// False when a line is longer than anything moetuned sends (4 MiB): not an event stream.
  bool feed(std::string_view piece);

 private:
  void take_line(std::string_view line);

  Sink sink_;
  std::string line_;
  bool after_cr_ = false;
  bool has_data_ = false;
  SseEvent event_;
};

}  // namespace moetune::cli
