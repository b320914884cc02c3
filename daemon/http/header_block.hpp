#pragma once

#include <cstddef>
#include <string_view>

namespace moetune::daemon::http {

enum class HeaderState { incomplete, complete, malformed };

struct HeaderBlock {
  HeaderState state = HeaderState::incomplete;
  std::size_t size = 0;  ///< bytes up to and with the empty line, when complete
};

/// Looks for a whole request header at the start of `bytes` and checks its form: lines end with CRLF, field names are
/// tokens directly followed by a colon, no control characters. Two parsers that read a sloppy header differently are
/// how requests get smuggled, so what is not clean is refused before it is parsed.
HeaderBlock inspect_header(std::string_view bytes);

}  // namespace moetune::daemon::http
