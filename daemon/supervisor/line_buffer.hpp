#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace moetune::daemon {

/// Cuts what arrives on a non-blocking descriptor into lines of bounded length. Not thread-safe.
class LineBuffer {
 public:
  enum class State { open, end_of_file, overlong, failed };
  /// What a line that is too long does: it stops the reading, or it is split.
  enum class Overlong { stop, split };

  LineBuffer(std::size_t max_line_bytes, Overlong overlong) : max_line_bytes_(max_line_bytes), overlong_(overlong) {}

  /// Reads what is there, at most a few hundred KiB at a time so that a flood starves nobody, and appends whole lines
  /// (without their newline) to `lines`.
  State read(int fd, std::vector<std::string>& lines);
  /// What came after the last newline.
  const std::string& rest() const { return rest_; }

 private:
  bool take(std::string_view bytes, std::vector<std::string>& lines);
  bool append(std::string_view piece, std::vector<std::string>& lines);

  std::size_t max_line_bytes_;
  Overlong overlong_;
  std::string rest_;
};

}  // namespace moetune::daemon
