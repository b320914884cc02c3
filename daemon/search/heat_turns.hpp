#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "daemon/search/heats.hpp"
#include "daemon/search/work_board.hpp"
#include "schema/choice_rule.hpp"

namespace moetune::daemon::search {

/// The unfinished candidates of a batch when all of them have had the same number of rounds, at least one, and nothing
/// of it is in flight: then it can be looked at. Else none.
std::vector<TrialIndex> abreast(const WorkBoard& board, std::int64_t batch);

/// The candidates of a batch in heats that get their row now (judge_heat); none while somebody has a round to come.
/// `entry_of` tells what an unfinished candidate has done so far, with the rounds that the board knows of.
std::vector<TrialIndex> finished_by_heat(const WorkBoard& board, std::int64_t batch,
                                         const std::function<HeatEntry(TrialIndex)>& entry_of,
                                         const schema::ChoiceRule& rule);

}  // namespace moetune::daemon::search
