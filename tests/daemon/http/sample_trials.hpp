#pragma once

#include <cstdint>
#include <string>

#include "schema/trial.hpp"

namespace moetune::daemon::http {

/// A valid ok row; `variant` changes the configuration and the latency, so that rows differ.
schema::Trial sample_trial(std::int64_t batch, std::int64_t variant);

/// `count` rows as JSONL, all different.
std::string sample_lines(std::int64_t count);

/// A different row for each `variant`, with a log of 30 000 bytes: few of them are many bytes.
std::string heavy_line(std::int64_t variant);

}  // namespace moetune::daemon::http
