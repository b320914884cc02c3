#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "daemon/search/plan.hpp"
#include "schema/candidate_set.hpp"
#include "schema/problem.hpp"

namespace moetune::daemon::search {

/// Whether a tile, as it really runs, can be launched on the GPU that is tuned for.
using Fits = std::function<bool(const schema::TileConfig&)>;

struct SeededBatches {
  Seeds seeds;                                 ///< no configuration of a batch twice
  std::vector<schema::CandidateShare> shares;  ///< by set, as given
};

/// What imported sets say for `batches`: of each set the configuration of the nearest key, of two equally near ones
/// the smaller, as it really runs (schema::effective_config). Sets made for `device` come first, then the others as
/// given. Rows that do not fit are passed over and counted with the unusable ones of their set.
SeededBatches seeds_for(const schema::Problem& problem, const std::vector<std::int64_t>& batches,
                        std::string_view device, const std::vector<schema::SeedingSet>& sets, const Fits& fits);

}  // namespace moetune::daemon::search
