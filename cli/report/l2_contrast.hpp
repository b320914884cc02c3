#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/sweep_status.hpp"
#include "schema/error.hpp"
#include "schema/tile_config.hpp"

namespace moetune::cli {

/// A batch for which weights in L2 and weights in memory want different configurations.
struct L2Difference {
  std::int64_t batch = 0;
  schema::TileConfig cold;                  ///< chosen with weights in memory
  schema::TileConfig warm;                  ///< chosen with weights in L2
  std::optional<double> cold_us;            ///< of `cold`, cold
  std::optional<double> warm_when_cold_us;  ///< of `warm`, cold; empty where that was not measured

  /// How much slower `warm` is than `cold` in a model, as a share: 0.09 is 9 %.
  std::optional<double> loss() const;
};

struct L2Contrast {
  std::size_t compared = 0;  ///< batches with a choice for both
  std::vector<L2Difference> differences;
};

/// What the rows with weights in L2 choose otherwise than those of `group`, whose own choices are `cold`. `group`: its
/// fields as GET /best has them. Nothing where it is not cold itself, or nothing warm was measured. Errors: the
/// client's; data_damaged.
schema::Result<std::optional<L2Contrast>> l2_contrast(const Client& client, const nlohmann::ordered_json& group,
                                                      const std::map<std::int64_t, BatchBest>& cold);

/// The paragraph of a report, as Markdown; empty where nothing was compared.
std::vector<std::string> markdown_of(const L2Contrast& contrast);

}  // namespace moetune::cli
