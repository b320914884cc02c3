#pragma once

#include <cstdint>

#include "cli/commands/command.hpp"
#include "cli/kernel_share.hpp"
#include "cli/sweep_status.hpp"

namespace moetune::cli {

/// How following a sweep ended.
struct Followed {
  ExitStatus status;  ///< done when the sweep is done or the person detached, failed when it failed or was cancelled
  bool detached = false;
  SweepStatus sweep;
  nlohmann::ordered_json answer;  ///< of GET /sweeps/{id}, as it was last
  Client client;                  ///< where the daemon was last
};

/// Follows a sweep to its end, or until the person detaches, and tells them how to go on then. Prints no result.
schema::Result<Followed> follow(Context& context, Client client, std::int64_t id);

/// Prints the table of a sweep that has ended, what its file is worth (for a whole step, where `share` says what share
/// of it the kernel takes), what to do next, and why it failed where it did.
void print_report(Context& context, const Followed& followed, const KernelShare& share = {});

/// Follows a sweep to its end and prints the result: a table, or with --json what GET /sweeps/{id} answers. Done when
/// the sweep is done or the person detached, failed when it failed or was cancelled.
schema::Result<ExitStatus> follow_and_report(Context& context, Client client, std::int64_t id,
                                             const KernelShare& share = {});

/// Reads a sweep's id as the command line gives it. Errors: invalid_argument.
schema::Result<std::int64_t> sweep_id(const std::string& text);

}  // namespace moetune::cli
