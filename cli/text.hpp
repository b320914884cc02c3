#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Text measured in the columns of a terminal. One code point counts as one column: what moetune prints (ASCII, bars,
/// device names) has no wide characters.
namespace moetune::cli {

enum class Align { left, right };

/// Columns that UTF-8 `text` takes; escape sequences of our own colours take none.
std::size_t width_of(std::string_view text);
/// Cut to at most `columns`, the last of them an ellipsis ("…", or "." without Unicode) when something was cut.
std::string shortened(std::string_view text, std::size_t columns, bool unicode);
std::string padded(std::string_view text, std::size_t columns, Align align);
/// Text from elsewhere made safe to print: control characters (escape sequences among them) become spaces.
std::string printable(std::string_view text);
/// As printable(), but line ends stay.
std::string printable_lines(std::string_view text);
/// A word as a POSIX shell reads it back: quoted only when it must be.
std::string shell_word(std::string_view text);
/// Splits at every separator; "a,,b" has three parts, "" has one.
std::vector<std::string> split(std::string_view text, char separator);
/// Fills lines of at most `columns` with the words, `gap` between two of them.
std::vector<std::string> wrapped(const std::vector<std::string>& words, std::string_view gap, std::size_t columns);

/// A sentence as lines of at most `columns` (0: one line), broken between words; what is longer than a line stays
/// whole. Later lines stand two columns further in than the first. What has line ends is broken there first, and each
/// part is a sentence.
std::vector<std::string> filled(std::string_view text, std::size_t columns);

}  // namespace moetune::cli
