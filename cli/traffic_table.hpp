#pragma once

#include <nlohmann/json.hpp>

#include "cli/table.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// The batches of GET /traffic with a bar for each one's share of time, or of steps where times are not known. More
/// than k_most_traffic_rows are put together, all sizes between two powers of two. Errors: data_damaged.
schema::Result<Table> traffic_table(const nlohmann::ordered_json& answer);

inline constexpr std::size_t k_most_traffic_rows = 40;

}  // namespace moetune::cli
