#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moetune::schema {

/// Turns the bytes of a log into plain text, piece by piece: without colours and other terminal sequences, carriage
/// returns as line ends, and what JSON escapes (once, or again and again by every collector on the way) unescaped. A
/// backslash that escapes nothing stays. Not thread-safe.
class LogText {
 public:
  /// Appends the text of `piece` to `text`. What a piece breaks off is finished by the next one.
  void append(std::string_view piece, std::string& text);

 private:
  enum class State : std::uint8_t { text, backslash, unicode, escape, sequence, title, title_escape };
  void take(char c, std::string& text);
  void take_text(char c, std::string& text);
  void take_escaped(char c, std::string& text);
  void take_unicode(char c, std::string& text);
  void take_sequence(char c, std::string& text);

  State state_ = State::text;
  std::string digits_;     ///< of \uXXXX
  int sequence_size_ = 0;  ///< a terminal sequence that does not end is text after all
};

}  // namespace moetune::schema
