#include "kernels/log_tail.hpp"

#include <cstdint>

namespace moetune::kernels {
namespace {

/// Length of the well-formed UTF-8 sequence (RFC 3629) at the start of `text`, 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string log_tail(std::string_view log, std::size_t max_bytes) {
  if (log.size() > max_bytes) {
    log.remove_prefix(log.size() - max_bytes);
    const auto line_end = log.find('\n');
    if (line_end != std::string_view::npos && line_end + 1 < log.size()) log.remove_prefix(line_end + 1);
  }
  std::string clean;
  clean.reserve(log.size());
  while (!log.empty()) {
    const std::size_t length = sequence_length(log);
    const bool control = length == 1 && static_cast<unsigned char>(log[0]) < 0x20 && log[0] != '\n' && log[0] != '\t';
    if (length == 0 || control || log[0] == '\x7f') {
      clean += '?';
      log.remove_prefix(1);
    } else {
      clean += log.substr(0, length);
      log.remove_prefix(length);
    }
  }
  return clean;
}

}  // namespace moetune::kernels
