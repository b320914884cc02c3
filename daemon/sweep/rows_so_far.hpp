#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "db/trial_store.hpp"

namespace moetune::daemon {

/// By batch the fastest of the ok rows that the batch's GPU (`gpu_of`; none where it is not known) has measured,
/// microseconds: what another GPU took says nothing of who is behind on this one. Rows without a GPU are of any. Nor
/// does a row count that is older than `since`: it was taken over from another sweep.
std::map<std::int64_t, double> fastest_so_far(std::span<const db::ScannedRow> rows,
                                              const std::function<std::optional<std::string>(std::int64_t)>& gpu_of,
                                              schema::Timestamp since = {});

}  // namespace moetune::daemon
