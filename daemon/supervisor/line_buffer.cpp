#include "daemon/supervisor/line_buffer.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace moetune::daemon {
namespace {

constexpr std::size_t k_chunk = 16 << 10;
constexpr int k_chunks_per_read = 16;

}  // namespace

LineBuffer::State LineBuffer::read(int fd, std::vector<std::string>& lines) {
  std::array<char, k_chunk> chunk;
  for (int i = 0; i < k_chunks_per_read; ++i) {
    const auto got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? State::open : State::failed;
    if (got == 0) return State::end_of_file;
    if (!take(std::string_view(chunk.data(), static_cast<std::size_t>(got)), lines)) return State::overlong;
  }
  return State::open;
}

bool LineBuffer::take(std::string_view bytes, std::vector<std::string>& lines) {
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    if (!append(bytes.substr(0, end), lines)) return false;
    lines.push_back(std::exchange(rest_, {}));
    bytes.remove_prefix(end + 1);
  }
  return append(bytes, lines);
}

bool LineBuffer::append(std::string_view piece, std::vector<std::string>& lines) {
  while (rest_.size() + piece.size() > max_line_bytes_) {
    if (overlong_ == Overlong::stop) return false;
    const auto room = max_line_bytes_ - rest_.size();
    rest_ += piece.substr(0, room);
    piece.remove_prefix(room);
    lines.push_back(std::exchange(rest_, {}));
  }
  rest_ += piece;
  return true;
}

}  // namespace moetune::daemon
