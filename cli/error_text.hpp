#pragma once

#include <cstddef>
#include <string>

#include "schema/error.hpp"

namespace moetune::cli {

/// How a command ends: done; the work failed or nothing is known; the input is at fault.
enum class ExitStatus { done = 0, failed = 1, usage = 2 };
ExitStatus exit_status_of(const schema::Error& error);

/// The text for stderr, several lines: "moetune: MESSAGE", then what the detail offers: the nearest known problems as
/// flags, and the command lines in "try" (put there by the command). With `columns` the message is
/// broken into lines of that width.
std::string error_text(const schema::Error& error, std::size_t columns = 0);

}  // namespace moetune::cli
