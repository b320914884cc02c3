#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace moetune::daemon {

/// Cuts what arrives on a non-blocking descriptor into lines of bounded length. Not thread-safe.
class LineBuffer {
 public:
  enum class State { open, end_of_file, overlong, failed };

  explicit LineBuffer(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  /// Reads what is there, at most a few hundred KiB at a time so that a flood starves nobody, and appends whole lines
  /// (without their newline) to `lines`.
  State read(int fd, std::vector<std::string>& lines);
  /// What came after the last newline.
  const std::string& rest() const { return rest_; }

 private:
  std::size_t max_line_bytes_;
  std::string rest_;
};

}  // namespace moetune::daemon
