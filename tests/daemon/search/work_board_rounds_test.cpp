#include "daemon/search/work_board.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/daemon/search/small_plan.hpp"

namespace moetune::daemon::search {
namespace {

/// The small plan in heats: k_small and k_small_g16 of both batches need kernel 0, k_large kernel 1.
class HeatsBoardTest : public testing::Test {
 protected:
  WorkBoard board_{plan(), 1, one_kernel_per_tile(plan()).needs, 1, Order::heats};

  /// Measures one round of whatever is there and returns the trials in their turns.
  std::vector<std::size_t> turn() {
    std::vector<std::size_t> turns;
    while (auto trial = board_.next_trial(0)) turns.push_back(trial->value);
    for (const std::size_t trial : turns) board_.had_round({trial});
    return turns;
  }
};

TEST_F(HeatsBoardTest, FirstRoundsBeginAsKernelsComeAndSecondOnesWaitForAll) {
  board_.open_rounds();
  board_.ready(*board_.next_compile());
  EXPECT_EQ(turn(), (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_EQ(board_.next_trial(0), std::nullopt) << "k_large has had none";
  board_.ready(*board_.next_compile());
  EXPECT_EQ(turn(), (std::vector<std::size_t>{4, 5}));
  EXPECT_EQ(turn(), (std::vector<std::size_t>{4, 2, 0, 5, 3, 1})) << "the other way round, batch after batch";
  EXPECT_EQ(turn(), (std::vector<std::size_t>{0, 2, 4, 1, 3, 5}));
}

TEST_F(HeatsBoardTest, SecondRoundsWaitUntilNothingMoreIsAdmitted) {
  for (int i = 0; i < 2; ++i) board_.ready(*board_.next_compile());
  EXPECT_EQ(turn().size(), 6U);
  EXPECT_EQ(board_.next_trial(0), std::nullopt);
  board_.open_rounds();
  EXPECT_EQ(turn().size(), 6U);
}

TEST_F(HeatsBoardTest, FinishedOnesHoldNobodyUp) {
  board_.open_rounds();
  for (int i = 0; i < 2; ++i) board_.ready(*board_.next_compile());
  const auto first = board_.next_trial(0);
  const auto second = board_.next_trial(0);
  board_.had_round(*first);
  board_.had_round(*second);
  for (const std::size_t done : {2, 3, 4, 5}) board_.finish({done});
  EXPECT_EQ(turn(), (std::vector<std::size_t>{0, 1}));
  board_.finish({0});
  board_.finish({1});
  EXPECT_TRUE(board_.done());
}

TEST_F(HeatsBoardTest, GoesOnAfterRoundsOfAnEarlierRun) {
  board_.resume_after({0}, 2);
  board_.resume_after({2}, 1);
  board_.open_rounds();
  board_.finish({4});
  for (int i = 0; i < 2; ++i) board_.ready(*board_.next_compile());
  EXPECT_EQ(turn(), (std::vector<std::size_t>{1, 3, 5, 2})) << "first rounds of batch 2, and 2 catches up with 0";
  EXPECT_EQ(turn(), (std::vector<std::size_t>{5, 3, 1, 0, 2}));
}

TEST_F(HeatsBoardTest, ASuspectHasItsRoundsAlone) {
  board_.open_rounds();
  for (int i = 0; i < 2; ++i) board_.ready(*board_.next_compile());
  board_.suspect(TrialIndex{2});
  EXPECT_EQ(turn(), (std::vector<std::size_t>{0, 1, 3, 4, 5}));
  EXPECT_EQ(turn(), (std::vector<std::size_t>{5, 3, 1})) << "batch 1 waits for it";
  while (const auto trial = board_.next_trial(0)) board_.finish(*trial);
  EXPECT_EQ(board_.next_suspect(), WorkItem(TrialIndex{2}));
  board_.had_round({2});
  EXPECT_EQ(turn(), (std::vector<std::size_t>{4, 2, 0}));
}

/// Three candidates of batch 1 and two of batch 2, in rounds, on one worker.
class WorkBoardRoundsTest : public testing::Test {
 protected:
  static std::vector<Candidate> contenders() {
    return {{1, k_small}, {1, k_small_g16}, {1, k_large}, {2, k_small}, {2, k_large}};
  }
  static WorkBoard board(KernelNeeds needs = {}) { return {contenders(), 1, std::move(needs), 1, Order::rounds}; }

  /// Takes what can be begun at once, as a worker with many places does.
  static std::vector<std::size_t> begin_all(WorkBoard& board) {
    std::vector<std::size_t> begun;
    while (auto trial = board.next_trial(0)) begun.push_back(trial->value);
    return begun;
  }
};

TEST_F(WorkBoardRoundsTest, ContendersOfABatchTakeTurnsInOppositeOrders) {
  WorkBoard board = this->board();
  for (int round = 0; round < 4; ++round) {
    const auto begun = begin_all(board);
    const std::vector<std::size_t> forth = {0, 1, 2};
    const std::vector<std::size_t> back = {2, 1, 0};
    EXPECT_EQ(begun, round % 2 == 0 ? forth : back) << round;
    for (const std::size_t trial : begun) board.had_round({trial});
  }
  for (const std::size_t trial : {0, 1, 2}) board.finish({trial});
  EXPECT_EQ(begin_all(board), (std::vector<std::size_t>{3, 4}));
}

TEST_F(WorkBoardRoundsTest, NobodyIsARoundAhead) {
  WorkBoard board = this->board();
  EXPECT_EQ(begin_all(board).size(), 3u);
  board.had_round({0});
  board.had_round({1});
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  board.had_round({2});
  EXPECT_EQ(begin_all(board).size(), 3u);
}

TEST_F(WorkBoardRoundsTest, AFailureLetsTheOthersGoOn) {
  WorkBoard board = this->board();
  begin_all(board);
  board.had_round({0});
  board.had_round({2});
  board.finish({1});  // it failed
  EXPECT_EQ(begin_all(board), (std::vector<std::size_t>{2, 0}));
  EXPECT_EQ(board.unfinished_of_batch(1), (std::vector{TrialIndex{0}, TrialIndex{2}}));
}

TEST_F(WorkBoardRoundsTest, ABatchBeginsWhenAllItsKernelsAreThere) {
  WorkBoard board = this->board(one_kernel_per_tile(contenders()).needs);  // small, large
  board.ready({0});
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  board.ready({1});
  EXPECT_EQ(begin_all(board).size(), 3u);
}

TEST_F(WorkBoardRoundsTest, AKernelThatDoesNotCompileHoldsNobodyUp) {
  WorkBoard board = this->board(one_kernel_per_tile(contenders()).needs);
  board.ready({0});
  EXPECT_EQ(board.fail({1}), (std::vector{TrialIndex{2}, TrialIndex{4}}));
  EXPECT_EQ(begin_all(board), (std::vector<std::size_t>{0, 1}));
}

TEST_F(WorkBoardRoundsTest, ASuspectHasItsRoundAloneAndTheOthersWait) {
  WorkBoard board = this->board();
  board.suspect(TrialIndex{1});
  const auto begun = begin_all(board);
  EXPECT_EQ(begun, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(board.next_suspect(), std::nullopt);
  for (const std::size_t trial : begun) board.had_round({trial});
  // The other batch goes on meanwhile: a suspect comes after all other work.
  for (const std::size_t trial : begin_all(board)) board.finish({trial});
  ASSERT_EQ(board.next_suspect(), WorkItem(TrialIndex{1}));
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  board.had_round({1});
  EXPECT_EQ(begin_all(board), (std::vector<std::size_t>{2, 1, 0}));  // it has answered: no suspect any more
}

TEST_F(WorkBoardRoundsTest, OfTwoSuspectsTheOneBehindComesFirst) {
  WorkBoard board({{1, k_small}, {1, k_large}}, 1, {}, 1, Order::rounds);
  board.resume_after({0}, 3);
  board.resume_after({1}, 2);
  board.suspect(TrialIndex{0});
  board.suspect(TrialIndex{1});
  ASSERT_EQ(board.next_suspect(), WorkItem(TrialIndex{1}));
  board.had_round({1});
  ASSERT_EQ(board.next_trial(0), TrialIndex{1});  // it has caught up, and is no suspect any more
  board.had_round({1});
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  ASSERT_EQ(board.next_suspect(), WorkItem(TrialIndex{0}));
  board.had_round({0});
  EXPECT_EQ(begin_all(board), (std::vector<std::size_t>{0, 1}));
}

TEST_F(WorkBoardRoundsTest, ACandidateThatDiesInALaterRoundIsTriedAloneAndBlamedOnce) {
  WorkBoard board = this->board();
  begin_all(board);
  for (const std::size_t trial : {0, 1, 2}) board.had_round({trial});
  EXPECT_EQ(begin_all(board).size(), 3u);
  EXPECT_EQ(board.died(TrialIndex{1}), Verdict::retry_alone);
  board.had_round({0});
  board.had_round({2});
  for (const std::size_t trial : begin_all(board)) board.finish({trial});  // batch 2
  ASSERT_EQ(board.next_suspect(), WorkItem(TrialIndex{1}));
  EXPECT_EQ(board.died(TrialIndex{1}), Verdict::retry_alone);
  ASSERT_EQ(board.next_suspect(), WorkItem(TrialIndex{1}));
  EXPECT_EQ(board.died(TrialIndex{1}), Verdict::failed);
  board.finish({1});
  EXPECT_EQ(board.rounds_of({0}), 2u);
  EXPECT_EQ(begin_all(board).size(), 2u);
}

TEST_F(WorkBoardRoundsTest, WhoIsBehindAfterARestartCatchesUpFirst) {
  WorkBoard board = this->board();
  board.resume_after({0}, 3);
  board.resume_after({1}, 2);
  board.resume_after({2}, 2);
  const auto begun = begin_all(board);
  EXPECT_EQ(begun, (std::vector<std::size_t>{1, 2}));
  for (const std::size_t trial : begun) board.had_round({trial});
  EXPECT_EQ(begin_all(board).size(), 3u);
}

TEST(WorkBoardRoundsSharingTest, EachWorkerHasRoundsOfItsOwnBatches) {
  WorkBoard board({{1, k_small}, {1, k_large}, {2, k_small}, {2, k_large}}, 2, {}, 1, Order::rounds);
  for (const std::size_t worker : {0, 1}) {
    int begun = 0;
    while (auto trial = board.next_trial(worker)) ++begun;
    EXPECT_EQ(begun, 2) << worker;
  }
}

}  // namespace
}  // namespace moetune::daemon::search
