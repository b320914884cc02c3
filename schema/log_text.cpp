#include "schema/log_text.hpp"

#include <charconv>

namespace moetune::schema {
namespace {

constexpr char k_escape = '\x1b';
constexpr int k_longest_sequence = 64;

}  // namespace

void LogText::append(std::string_view piece, std::string& text) {
  for (const char c : piece) take(c, text);
}

void LogText::take(char c, std::string& text) {
  switch (state_) {
    case State::text:
      return take_text(c, text);
    case State::backslash:
      return take_escaped(c, text);
    case State::unicode:
      return take_unicode(c, text);
    case State::escape:
    case State::sequence:
    case State::title:
    case State::title_escape:
      return take_sequence(c, text);
  }
}

void LogText::take_text(char c, std::string& text) {
  if (c == '\\') {
    state_ = State::backslash;
  } else if (c == k_escape) {
    state_ = State::escape;
    sequence_size_ = 0;
  } else if (c == '\r') {
    text += '\n';
  } else if (c == '\t') {
    text += ' ';
  } else if (c != '\0') {  // UTF-16 has one after each ASCII character
    text += c;
  }
}

void LogText::take_escaped(char c, std::string& text) {
  if (c == '\\') return;  // escaped again by the next collector
  state_ = State::text;
  if (c == 'n' || c == 'r') {
    text += '\n';
  } else if (c == 't') {
    text += ' ';
  } else if (c == '"' || c == '\'' || c == '/') {
    text += c;
  } else if (c == 'u') {
    state_ = State::unicode;
    digits_.clear();
  } else {
    text += '\\';
    take_text(c, text);
  }
}

void LogText::take_unicode(char c, std::string& text) {
  constexpr std::size_t k_digits = 4;
  digits_ += c;
  unsigned value = 0;
  const char* end = digits_.data() + digits_.size();
  const bool is_hex = std::from_chars(digits_.data(), end, value, 16).ptr == end;
  if (is_hex && digits_.size() < k_digits) return;
  state_ = State::text;
  if (is_hex && value < 0x80) return take_text(static_cast<char>(value), text);
  text += "\\u";
  for (const char digit : std::string(digits_)) take(digit, text);
}

/// ESC [ ... letter, ESC ] ... BEL or ESC \, or ESC and one character.
void LogText::take_sequence(char c, std::string& text) {
  if (++sequence_size_ > k_longest_sequence || c == '\n') {
    state_ = State::text;
    return take_text(c, text);
  }
  if (state_ == State::escape) {
    state_ = c == '[' ? State::sequence : c == ']' ? State::title : State::text;
  } else if (state_ == State::sequence) {
    if (c >= '@' && c <= '~') state_ = State::text;
  } else if (state_ == State::title) {
    state_ = c == '\a' ? State::text : c == k_escape ? State::title_escape : State::title;
  } else {
    state_ = State::text;
  }
}

}  // namespace moetune::schema
