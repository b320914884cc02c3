#pragma once

#include <string>
#include <vector>

#include "schema/engine_log.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// What --warning was given.
struct WarningText {
  schema::EngineLogFindings findings;
  bool is_file = false;  ///< read from a file or from stdin, not from the command line
};

/// Reads what stands on the command line: a file's path, "-" for stdin, else the lines themselves. Files are read piece
/// by piece. Errors: invalid_argument when a file cannot be read, or is compressed.
schema::Result<WarningText> read_warning(const std::string& given);

/// The files that a sweep would be worth its time for, one for each problem and engine (SGLang's file for GEMM 2 goes
/// with GEMM 1's). Errors: not_found where the log shows that tuning would change nothing, and why; invalid_argument
/// where no missing file is in it.
schema::Result<std::vector<schema::LoggedFile>> files_to_tune(const WarningText& warning);

/// What a person should know about the log although there is something to tune; a line each.
std::vector<std::string> notes_on(const WarningText& warning);

}  // namespace moetune::cli
