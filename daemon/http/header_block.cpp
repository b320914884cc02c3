#include "daemon/http/header_block.hpp"

#include <algorithm>
#include <cctype>

namespace moetune::daemon::http {
namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view odd = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || odd.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_clean(std::string_view line) {
  return std::ranges::none_of(line, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_field(std::string_view line) {
  const auto colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon)) && is_clean(line);
}

}  // namespace

HeaderBlock inspect_header(std::string_view bytes) {
  std::size_t at = 0;
  for (bool first = true;; first = false) {
    const auto end = bytes.find('\n', at);
    if (end == std::string_view::npos) return {};
    if (end == at || bytes[end - 1] != '\r') return {HeaderState::malformed, 0};
    const std::string_view line = bytes.substr(at, end - 1 - at);
    at = end + 1;
    if (line.empty()) return {first ? HeaderState::malformed : HeaderState::complete, at};
    if (first ? !is_clean(line) : !is_field(line)) return {HeaderState::malformed, 0};
  }
}

}  // namespace moetune::daemon::http
