#include "daemon/http/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

enum class Plus { literal, space };

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// What a message quotes: clipped and stripped of anything but printable ASCII.
std::string printable(std::string_view what) {
  std::string text(what.substr(0, 60));
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return text;
}

Result<std::string> decode(std::string_view text, Plus plus) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus == Plus::space) c = ' ';
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      if (low < 0) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("\"{}\" has a percent sign without two hex digits", printable(text)));
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    decoded += c;
  }
  const bool control = std::ranges::any_of(decoded, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (control || !is_utf8(decoded)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not UTF-8 text without control characters", printable(text)));
  }
  return decoded;
}

Result<void> read_query(std::string_view text, Query& query) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), Plus::space);
    if (!name) return std::unexpected(name.error());
    const std::string shown = printable(*name);
    auto value = decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), Plus::space);
    if (!value) {
      return fail(value.error().code, fmt::format("query parameter \"{}\": {}", shown, value.error().message),
                  {{"parameter", shown}});
    }
    if (!query.add(std::move(*name), std::move(*value))) {
      return fail(ErrorCode::invalid_argument, fmt::format("query parameter \"{}\" is given more than once", shown),
                  {{"parameter", shown}});
    }
  }
  return {};
}

}  // namespace

std::optional<std::string_view> Query::get(std::string_view name) const {
  const auto found = std::ranges::find(all_, name, [](const auto& pair) { return std::string_view(pair.first); });
  if (found == all_.end()) return std::nullopt;
  return found->second;
}

bool Query::add(std::string name, std::string value) {
  if (get(name)) return false;
  all_.emplace_back(std::move(name), std::move(value));
  return true;
}

Result<Target> target_from_text(std::string_view text) {
  if (!text.starts_with('/')) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the request target \"{}\" must start with /", printable(text)));
  }
  const auto question = text.find('?');
  Target target;
  std::string_view path = text.substr(1, question == std::string_view::npos ? question : question - 1);
  while (!path.empty()) {
    const auto slash = path.find('/');
    auto segment = decode(path.substr(0, slash), Plus::literal);
    if (!segment) return std::unexpected(segment.error());
    target.segments.push_back(std::move(*segment));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
    if (path.empty()) target.segments.emplace_back();
  }
  if (question != std::string_view::npos) {
    if (auto read = read_query(text.substr(question + 1), target.query); !read) return std::unexpected(read.error());
  }
  return target;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (std::size_t j = 1; j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3fu);
    }
    constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += length;
  }
  return true;
}

}  // namespace moetune::daemon::http
