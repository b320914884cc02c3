#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace moetune::schema {

/// Reads a line from left to right. Every step says whether it was what was asked for; after a refusal the place is
/// where it was.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  /// Moves behind the next `words`.
  bool find(std::string_view words) {
    const auto at = text_.find(words);
    if (at == std::string_view::npos) return false;
    text_.remove_prefix(at + words.size());
    return true;
  }
  bool take(std::string_view words) {
    if (!text_.starts_with(words)) return false;
    text_.remove_prefix(words.size());
    return true;
  }
  void skip_spaces() { text_.remove_prefix(std::min(text_.find_first_not_of(' '), text_.size())); }
  std::optional<std::int64_t> integer() { return number<std::int64_t>(); }
  std::optional<double> decimal() { return number<double>(); }
  std::string_view rest() const { return text_; }

 private:
  template <typename T>
  std::optional<T> number() {
    T value{};
    const char* end = text_.data() + text_.size();
    const auto read = std::from_chars(text_.data(), end, value);
    if (read.ec != std::errc()) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(read.ptr - text_.data()));
    return value;
  }

  std::string_view text_;
};

}  // namespace moetune::schema
