#pragma once

#include <cstdint>
#include <vector>

#include "cli/client.hpp"
#include "cli/query.hpp"
#include "schema/error.hpp"
#include "schema/trial.hpp"

namespace moetune::cli {

/// The ok rows of one batch that match the filter. Errors: those of Client::list; data_damaged for a row that is none.
schema::Result<std::vector<schema::Trial>> ok_rows(const Client& client, Query filter, std::int64_t batch);

}  // namespace moetune::cli
