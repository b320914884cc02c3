#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/search/batch_ranks.hpp"
#include "schema/traffic.hpp"

namespace moetune::daemon {

/// Which of the batches a sweep works on first: those that the steps of the traffic spend most time near, as the keys
/// of a file are weighed (time_by_key). A step takes what the log says; else, since nothing may be measured yet, what
/// launches and weights take, as much as 512 tokens, and its key's tokens. Without traffic, or batches, no ranks.
search::BatchRanks ranks_by_traffic(const std::optional<schema::Traffic>& traffic, std::vector<std::int64_t> batches);

}  // namespace moetune::daemon
