#pragma once

#include <string>
#include <string_view>

namespace moetune::daemon {

/// Appends to `text` what a pipe that does not block has now. False at its end, or when it cannot be read.
bool read_available(int fd, std::string& text);

/// The last line of what a program wrote, without its newline; at most its first 300 bytes.
std::string_view last_line_of(std::string_view text);

}  // namespace moetune::daemon
