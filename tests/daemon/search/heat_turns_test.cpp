#include "daemon/search/heat_turns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/daemon/search/small_plan.hpp"

namespace moetune::daemon::search {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr schema::ChoiceRule k_rule{};

/// The small plan in heats, without kernels; trials 0, 2 and 4 are of its first batch.
class HeatTurnsTest : public testing::Test {
 protected:
  void SetUp() override { board_.open_rounds(); }

  /// Every trial that has a turn takes so long.
  void turn(const std::map<std::size_t, double>& us) {
    std::vector<TrialIndex> turns;
    while (const auto trial = board_.next_trial(0)) turns.push_back(*trial);
    for (const TrialIndex trial : turns) {
      board_.had_round(trial);
      const auto found = us.find(trial.value);
      rounds_[trial.value].push_back({found == us.end() ? 100.0 : found->second});
    }
  }

  std::vector<TrialIndex> finished(std::int64_t batch) {
    const auto entry_of = [&](TrialIndex trial) { return heat_entry(rounds_[trial.value], trial.value == 0); };
    return finished_by_heat(board_, batch, entry_of, k_rule);
  }

  std::int64_t batch_of(std::size_t trial) const { return board_.trials()[trial].batch; }

  WorkBoard board_{plan(), 1, {}, 1, Order::heats};
  std::map<std::size_t, std::vector<std::vector<double>>> rounds_;
};

TEST_F(HeatTurnsTest, NobodyIsJudgedBeforeAllHaveHadTheirRound) {
  EXPECT_THAT(abreast(board_, batch_of(0)), IsEmpty());
  const auto first = board_.next_trial(0);
  board_.had_round(*first);
  rounds_[first->value].push_back({100});
  EXPECT_THAT(finished(batch_of(0)), IsEmpty());
}

TEST_F(HeatTurnsTest, WhoIsInFlightIsWaitedFor) {
  turn({});
  EXPECT_THAT(abreast(board_, batch_of(0)), ElementsAre(TrialIndex{0}, TrialIndex{2}, TrialIndex{4}));
  const auto flying = board_.next_trial(0);
  EXPECT_THAT(abreast(board_, board_.trials()[flying->value].batch), IsEmpty());
}

TEST_F(HeatTurnsTest, WhoIsBehindGetsItsRowAndTheOthersWhenItIsClear) {
  const std::map<std::size_t, double> us = {{0, 106}, {2, 100}, {4, 103}};
  turn(us);
  EXPECT_THAT(finished(batch_of(0)), ElementsAre(TrialIndex{4}));
  board_.finish({4});
  for (int round = 2; round <= 4; ++round) {
    EXPECT_THAT(finished(batch_of(0)), IsEmpty()) << round;
    turn(us);
  }
  EXPECT_THAT(finished(batch_of(0)), ElementsAre(TrialIndex{0}, TrialIndex{2}));
}

}  // namespace
}  // namespace moetune::daemon::search
