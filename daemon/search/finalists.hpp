#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "daemon/search/plan.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// What a scan says about one configuration of a batch.
struct Scanned {
  schema::TileConfig config;
  double latency_us = 0;
  std::optional<double> gemm_1_us;  ///< of latency_us, where the GEMMs were timed apart
  std::optional<double> gemm_2_us;
  bool clock_fell = false;  ///< measured hot: it may be much better than it looks
};

/// How many configurations of a batch go from the scan to the measurement of the unchanged kernel. A scan is quick, not
/// exact: with GROUP_SIZE_M at run time a kernel takes 0.992 to 1.0145 times as long, rows repeat within 0.2 %, and a
/// scan without rests takes good configurations for up to 18 % too slow once the clock falls.
struct FinalistRule {
  double within = 1.05;           ///< of the batch's best
  double within_when_hot = 1.20;  ///< the same for a batch during whose scan the clock fell
  std::size_t at_least = 8;
  std::size_t at_most = 32;
};

/// The same after a race, which has looked closely around the best already. What a pair promises is the sum of two
/// times that were not measured together, so that more of them are worth a look.
constexpr FinalistRule race_finalists(bool pairs) {
  if (pairs) return {.within = 1.03, .within_when_hot = 1.10, .at_least = 12, .at_most = 24};
  return {.within = 1.02, .within_when_hot = 1.10, .at_least = 4, .at_most = 8};
}

/// The configurations of one batch worth measuring, the most promising first. With `pairs` each GEMM gets the tile that
/// suits it, of the same BLOCK_SIZE_M, and what is promised is the sum; rows without the times of their GEMMs are left
/// out.
std::vector<schema::TileConfig> finalists_of(std::vector<Scanned> rows, const FinalistRule& rule, bool pairs);

/// The trials of a sweep's second phase: every batch's default, then its finalists, the most promising of all batches
/// first. A batch may lack a default.
std::vector<Candidate> finalist_plan(const std::map<std::int64_t, schema::TileConfig>& default_of_batch,
                                     const std::map<std::int64_t, std::vector<schema::TileConfig>>& finalists);

/// How many trials, and kernels to compile for them, a batch's finalists come to as far as one can say beforehand: the
/// means over the 18 batches of a measured table (H200, E=256, N=512, fp8 in blocks: 282 trials of 178 kernels).
inline constexpr std::size_t k_expected_finalists = 16;
inline constexpr std::size_t k_expected_finalist_kernels = 10;
/// Of pairs there are always more than enough close to the best.
inline constexpr std::size_t k_expected_pairs = FinalistRule{}.at_most;

}  // namespace moetune::daemon::search
