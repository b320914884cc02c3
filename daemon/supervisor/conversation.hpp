#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/supervisor/child_process.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// A program that answers every line on its stdin with one on its stdout, and stays for the next question: it starts
/// with the first one, and anew when it has ended since. Blocks while it answers. Thread-safe; questions wait for
/// each other.
class Conversation {
 public:
  struct Options {
    Command command;
    std::chrono::milliseconds limit = std::chrono::seconds(60);  ///< for one answer, and for one's turn to ask
    std::size_t max_bytes = 64U << 20;                           ///< of one answer, with what it writes to stderr
  };
  explicit Conversation(Options options) : options_(std::move(options)) {}

  /// Starts the program without waiting for it, so that the first question need not. Errors: io.
  schema::Result<void> start();

  /// The answer to a question, both without their newline. Errors: io when the program does not start; unavailable
  /// when it ends without an answer (with the last line of its stderr), takes too long or writes too much. After any
  /// of them it is started anew for the next question.
  schema::Result<std::string> ask(std::string_view question);

 private:
  struct Heard;
  schema::Result<void> start_anew();
  schema::Result<std::string> answer_to(std::string_view question);

  Options options_;
  std::timed_mutex mutex_;
  std::optional<ChildProcess> child_;
};

}  // namespace moetune::daemon
