#include "cli/sse_parser.hpp"

#include <utility>

namespace moetune::cli {
namespace {

constexpr std::size_t k_max_line = 4 << 20;

}  // namespace

bool SseParser::feed(std::string_view piece) {
  for (const char c : piece) {
    if (c == '\n' && std::exchange(after_cr_, false)) continue;  // the second half of CR LF
    after_cr_ = c == '\r';
    if (c == '\r' || c == '\n') {
      take_line(line_);
      line_.clear();
    } else {
      if (line_.size() >= k_max_line) return false;
      line_ += c;
    }
  }
  return true;
}

void SseParser::take_line(std::string_view line) {
  if (line.empty()) {
    if (event_.name.empty()) event_.name = "message";
    if (has_data_) sink_(std::move(event_));
    event_ = {};
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_.name = value;
  } else if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
}

}  // namespace moetune::cli
