#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/search/finalists.hpp"
#include "tests/bench/recorded_sweep.hpp"

namespace moetune::bench {

/// A way to search a recording. `search` measures what it wants; the finalists are the caller's to find.
struct Strategy {
  std::string name;
  std::function<void(RecordedSweep&)> search;
  daemon::search::FinalistRule finalists = daemon::search::race_finalists(false);
};

/// The race, three others and the yardstick, which comes last and is named "exhaustive".
std::vector<Strategy> all_strategies();
/// The race without one of its ideas each, or with more of one.
std::vector<Strategy> lesser_races();
/// The race that knows what was best at another problem; last with its seeds at every batch.
std::vector<Strategy> seeded_races(const RecordedTable& other, const RecordedTable& table);

}  // namespace moetune::bench
