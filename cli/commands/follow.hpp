#pragma once

#include <cstdint>

#include "cli/commands/command.hpp"

namespace moetune::cli {

/// Follows a sweep to its end and prints the result: a table, or with --json what GET /sweeps/{id} answers. Done when
/// the sweep is done or the person detached, failed when it failed or was cancelled.
schema::Result<ExitStatus> follow_and_report(Context& context, Client client, std::int64_t id);

/// Reads a sweep's id as the command line gives it. Errors: invalid_argument.
schema::Result<std::int64_t> sweep_id(const std::string& text);

}  // namespace moetune::cli
