#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/supervisor/child_process.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// How a program ended, with all that it wrote.
struct ProgramEnd {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a program to its end, giving it `input` on stdin. Blocks. Errors: io when it does not start; unavailable when
/// it takes longer than `limit` (it is killed) or writes more than `max_bytes`.
schema::Result<ProgramEnd> run_program(const Command& command, std::string_view input, std::chrono::milliseconds limit,
                                       std::size_t max_bytes);

}  // namespace moetune::daemon
