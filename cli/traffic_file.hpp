#pragma once

#include <string>
#include <vector>

#include "schema/traffic.hpp"

namespace moetune::cli {

/// What a file, or with "-" stdin, tells of the tokens of an engine's steps: TrafficLog::finish of all of it. Errors
/// also: invalid_argument when it cannot be read.
schema::Result<std::vector<schema::Traffic>> read_traffic(const std::string& path);

}  // namespace moetune::cli
