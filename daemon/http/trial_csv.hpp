#pragma once

#include <string>

#include "schema/trial.hpp"

namespace moetune::daemon::http {

/// The names of the columns and a line break: the fields of a trial as JSONL, `config` one column per field; at the end
/// those of GEMM 2's own tile with "down_" before their names, empty for a row whose GEMMs share one.
std::string trial_csv_header();

/// One trial as RFC 4180 has it: lines end with CRLF; lists and objects are JSON text; null is empty.
std::string trial_csv_line(const schema::Trial& trial);

}  // namespace moetune::daemon::http
