#pragma once

#include <string>
#include <vector>

#include "cli/file_verdict.hpp"
#include "cli/table.hpp"

namespace moetune::cli {

/// A line for each batch of a file: the key whose row the engine takes, the row's microseconds, the default's, how the
/// two compare, and how the row does against the best known configuration. `is_first`: there is no other file that it
/// is held against.
Table verdict_table(const FileVerdict& verdict, bool is_first);

/// What a person takes away: counts, geomean and worst batch against the default, the best known and the first file;
/// where the engine would fail; and, last, whether to serve with the file.
std::vector<std::string> verdict_lines(const FileVerdict& verdict);

}  // namespace moetune::cli
