#include "schema/log_match.hpp"

namespace moetune::schema {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\n';
}

}  // namespace

char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_word_character(char c) {
  return (lower_case(c) >= 'a' && lower_case(c) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::optional<std::size_t> match_words(std::string_view text, std::size_t at, std::string_view words) {
  const std::size_t end = k_words_reach < text.size() - at ? at + k_words_reach : text.size();
  for (const char wanted : words) {
    while (at < end && is_blank(text[at])) ++at;
    if (at >= end || lower_case(text[at]) != wanted) return std::nullopt;
    ++at;
  }
  return at;
}

std::string squeezed_line(std::string_view text, std::size_t at, std::size_t limit) {
  std::string line;
  const std::size_t end = limit < text.size() - at ? at + limit : text.size();
  for (; at < end && text[at] != '\n'; ++at) {
    if (text[at] != ' ') line += lower_case(text[at]);
  }
  return line;
}

}  // namespace moetune::schema
