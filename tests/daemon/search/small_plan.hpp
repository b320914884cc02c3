#pragma once

#include <vector>

#include "daemon/search/plan.hpp"

namespace moetune::daemon::search {

inline constexpr schema::TileConfig k_small{16, 64, 64, 1, 4, 3};
inline constexpr schema::TileConfig k_small_g16{16, 64, 64, 16, 4, 3};
inline constexpr schema::TileConfig k_large{64, 128, 64, 1, 8, 3};

/// Three configurations of two tiles, at two batches.
inline std::vector<Candidate> plan() {
  return {{1, k_small}, {2, k_small}, {1, k_small_g16}, {2, k_small_g16}, {1, k_large}, {2, k_large}};
}

}  // namespace moetune::daemon::search
