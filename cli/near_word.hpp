#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moetune::cli {

/// The word that somebody may have meant: the one at the least edit distance (letters inserted, left out, replaced, or
/// two neighbours exchanged; Damerau 1964, each place edited once), of equally near ones the first. Nothing when none
/// is within a third of the word's length, at least one edit.
std::optional<std::string> near_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace moetune::cli
