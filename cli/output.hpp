#pragma once

#include <string>
#include <string_view>

namespace moetune::cli {

/// Where a command's text goes. Not thread-safe.
class Output {
 public:
  virtual ~Output() = default;
  /// False when the text cannot be delivered (the reader is gone, the disk is full): stop producing more.
  virtual bool write(std::string_view text) = 0;
  bool line(std::string_view text);
};

/// Writes to a file descriptor that it does not own, without a buffer of its own. Remembers the first failure and then
/// discards everything, so that a command may go on to its end. SIGPIPE must be ignored.
class FdOutput : public Output {
 public:
  explicit FdOutput(int fd) : fd_(fd) {}
  bool write(std::string_view text) override;
  /// The errno of the first failure, 0 when all went well. EPIPE means that the reader has seen enough.
  int failure() const { return failure_; }

 private:
  int fd_;
  int failure_ = 0;
};

/// Keeps the text.
class StringOutput : public Output {
 public:
  bool write(std::string_view text) override;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace moetune::cli
