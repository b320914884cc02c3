#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "daemon/search/plan.hpp"

namespace moetune::daemon::search {

/// Which batches are worked on first: 0 is the first one. A batch without a rank comes after all that have one; without
/// any ranks all are equal.
using BatchRanks = std::map<std::int64_t, std::size_t>;

/// Ranks by the time that somebody's steps spend near each batch, most first; of equal times the smaller batch first.
/// A batch without any time has no rank.
BatchRanks ranks_by_time(const std::map<std::int64_t, double>& time);

std::size_t rank_of(const BatchRanks& ranks, std::int64_t batch);

/// The same trials, those of the first batch first; each batch's stay in their order, and so do all without a rank.
std::vector<Candidate> heaviest_first(const std::vector<Candidate>& plan, const BatchRanks& ranks);

}  // namespace moetune::daemon::search
