#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// Finding an engine's words in the text of a log, where a terminal or an e-mail may have wrapped the lines.
namespace moetune::schema {

/// No match reaches further.
inline constexpr std::size_t k_words_reach = 256;

/// Where the words end in `text` when they stand at `at`, whatever their case and wherever spaces and line ends stand
/// between their characters. `words`: in small letters, without spaces. Precondition: at <= text.size().
std::optional<std::size_t> match_words(std::string_view text, std::size_t at, std::string_view words);

/// The first `limit` characters of the line at `at`, in small letters and without spaces.
std::string squeezed_line(std::string_view text, std::size_t at, std::size_t limit);

/// Whether `c` can be part of a word, so that what follows it is not the start of one.
bool is_word_character(char c);

char lower_case(char c);

}  // namespace moetune::schema
