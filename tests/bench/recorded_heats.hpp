#pragma once

#include <cstdint>
#include <map>

#include "daemon/search/finalists.hpp"
#include "schema/choice_rule.hpp"
#include "schema/tile_config.hpp"
#include "tests/bench/recorded_sweep.hpp"

namespace moetune::bench {

/// What a sweep ends with at a batch.
struct Ending {
  schema::TileConfig fastest;  ///< of those with enough rounds to tell, where there are any
  schema::TileConfig chosen;   ///< by the rule: that, or the default
};

/// Ends a sweep by the rules of the product, and draws the rounds that these ask for: after a scan each batch's
/// finalists and its default run in heats (search/finalists, search/work_board, search/heats), else everything that was
/// measured goes on after its first round; then search/choice chooses. By batch; one where nothing ran is missing.
std::map<std::int64_t, Ending> end_in_heats(RecordedSweep& sweep, const daemon::search::FinalistRule& finalists,
                                            const schema::ChoiceRule& rule = {});

}  // namespace moetune::bench
