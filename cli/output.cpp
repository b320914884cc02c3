#include "cli/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace moetune::cli {

bool Output::line(std::string_view text) {
  std::string whole(text);
  whole += '\n';
  return write(whole);
}

bool FdOutput::write(std::string_view text) {
  while (failure_ == 0 && !text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // somebody else made the terminal non-blocking
      pollfd ready{fd_, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      failure_ = errno;
    }
  }
  return failure_ == 0;
}

bool StringOutput::write(std::string_view text) {
  text_ += text;
  return true;
}

}  // namespace moetune::cli
