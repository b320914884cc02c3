#include "daemon/supervisor/pipe_input.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace moetune::daemon {

bool read_available(int fd, std::string& text) {
  std::array<char, 64 << 10> piece{};
  for (;;) {
    const auto got = ::read(fd, piece.data(), piece.size());
    if (got > 0) {
      text.append(piece.data(), static_cast<std::size_t>(got));
    } else {
      return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
  }
}

std::string_view last_line_of(std::string_view text) {
  const auto last = text.find_last_not_of('\n');
  if (last == std::string_view::npos) return {};
  text = text.substr(0, last + 1);
  const auto line = text.rfind('\n');
  return text.substr(line == std::string_view::npos ? 0 : line + 1, 300);
}

}  // namespace moetune::daemon
