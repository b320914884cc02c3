#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/terminal.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// What the groups that share a file are: "routing" where they differ in that alone, else "problem".
std::string noun_of_sharers(std::vector<nlohmann::ordered_json> groups);

/// What GET /merge answers, for a person: the problems that share the file, per batch what the file has and how each
/// problem does with it (its latency over that of its own best), and the batches without a key. `columns`: the
/// terminal's width, 0 for no limit. Empty where one problem has the file for itself. Errors: data_damaged when the
/// daemon speaks of something else.
schema::Result<std::vector<std::string>> merge_report(const nlohmann::ordered_json& answer,
                                                      const TerminalTraits& traits, std::size_t columns);

}  // namespace moetune::cli
