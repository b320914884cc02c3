#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/error.hpp"

namespace moetune::cli {

/// One of the conditions that a problem is to be tuned under.
struct SweepVariant {
  nlohmann::ordered_json fields;  ///< routing and l2 of the body of POST /sweeps, as far as they were given
  std::string title;              ///< "routing zipf:1.2, l2 warm"; empty where there is one variant alone
};

/// Every routing in the order given, with every l2, warm before cold. `routings`: names and files of expert counts
/// (JSON), `l2s`: cold, warm; both separated by commas, empty for the daemon's default. Errors: invalid_argument naming
/// the flag.
schema::Result<std::vector<SweepVariant>> sweep_variants(const std::string& routings, const std::string& l2s);

}  // namespace moetune::cli
