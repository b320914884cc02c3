#include "daemon/search/work_board.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/daemon/search/small_plan.hpp"

namespace moetune::daemon::search {
namespace {

class WorkBoardTest : public testing::Test {
 protected:
  WorkBoard board_{plan(), 1, one_kernel_per_tile(plan()).needs};

  /// Compiles and measures whatever is not under suspicion.
  void run_the_rest() {
    while (auto tile = board_.next_compile()) board_.ready(*tile);
    while (auto trial = board_.next_trial(0)) board_.finish(*trial);
  }
};

TEST_F(WorkBoardTest, OneKernelServesEveryGroupSizeAndBatch) {
  EXPECT_EQ(board_.kernels(), 2u);
  EXPECT_EQ(board_.next_trial(0), std::nullopt);
  const auto tile = board_.next_compile();
  board_.ready(*tile);
  std::set<std::size_t> measured;
  while (auto trial = board_.next_trial(0)) measured.insert(trial->value);
  EXPECT_EQ(measured, (std::set<std::size_t>{0, 1, 2, 3}));
}

TEST(SlowKernelTest, BeginEarlyInHalfOfTheSlots) {
  std::vector<Candidate> trials;
  for (const int stages : {2, 3, 4, 5, 6, 7}) trials.push_back({1, {16, 64, 64, 1, 4, stages}});
  auto needs = one_kernel_per_tile(trials).needs;
  needs.slow = {KernelIndex{2}, KernelIndex{4}, KernelIndex{5}};
  WorkBoard board(trials, 1, needs, 4);
  std::vector<std::size_t> order;
  const auto begin = [&] { order.push_back(board.next_compile()->value); };
  for (int slot = 0; slot < 4; ++slot) begin();
  EXPECT_EQ(order, (std::vector<std::size_t>{2, 4, 0, 1}));
  board.ready({0});
  begin();
  board.ready({4});
  begin();
  EXPECT_EQ(order, (std::vector<std::size_t>{2, 4, 0, 1, 3, 5}));
  EXPECT_EQ(board.next_compile(), std::nullopt);
}

TEST(SlowKernelTest, TakeAllSlotsWhenNothingElseIsLeft) {
  std::vector<Candidate> trials;
  for (const int stages : {2, 3, 4}) trials.push_back({1, {16, 64, 64, 1, 4, stages}});
  auto needs = one_kernel_per_tile(trials).needs;
  needs.slow = {KernelIndex{0}, KernelIndex{1}, KernelIndex{2}};
  WorkBoard board(trials, 1, needs, 2);
  std::size_t begun = 0;
  while (board.next_compile()) ++begun;
  EXPECT_EQ(begun, 3u);
  board.put_back(KernelIndex{1});
  EXPECT_EQ(board.next_compile(), KernelIndex{1});
}

TEST(SlowKernelTest, HaveMoreAccumulatorsThanAThreadHasRegisters) {
  EXPECT_TRUE(is_slow_to_compile({256, 256, 128, 1, 4, 3}));
  EXPECT_TRUE(is_slow_to_compile({128, 256, 128, 1, 4, 3}));
  EXPECT_FALSE(is_slow_to_compile({128, 256, 128, 1, 8, 3}));
  EXPECT_FALSE(is_slow_to_compile({128, 128, 128, 1, 4, 3}));
}

TEST_F(WorkBoardTest, EndsWhenEveryTrialIsFinished) {
  run_the_rest();
  EXPECT_TRUE(board_.done());
  EXPECT_EQ(board_.in_flight(), 0u);
}

TEST_F(WorkBoardTest, FinishedTrialsNeedNoKernel) {
  for (std::size_t i = 0; i < 4; ++i) board_.finish({i});
  EXPECT_EQ(board_.kernels_to_compile(), 1u);
  EXPECT_EQ(board_.next_compile(), KernelIndex{1});
  EXPECT_EQ(board_.next_compile(), std::nullopt);
}

TEST_F(WorkBoardTest, AFailedKernelFailsItsTrials) {
  const auto tile = board_.next_compile();
  EXPECT_EQ(board_.fail(*tile).size(), 4u);
  run_the_rest();
  EXPECT_TRUE(board_.done());
}

TEST_F(WorkBoardTest, OnlyACandidateThatFailsAloneTwiceIsFailed) {
  const auto bad = board_.next_compile();
  EXPECT_EQ(board_.died(*bad), Verdict::retry_alone);
  EXPECT_EQ(board_.next_suspect(), std::nullopt);  // other work comes first
  run_the_rest();
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(board_.next_suspect(), WorkItem(*bad));
    EXPECT_TRUE(board_.trying_alone());
    EXPECT_EQ(board_.next_compile(), std::nullopt);
    EXPECT_EQ(board_.next_trial(0), std::nullopt);
    EXPECT_EQ(board_.died(*bad), i == 0 ? Verdict::retry_alone : Verdict::failed);
  }
  EXPECT_EQ(board_.fail(*bad).size(), 4u);
  EXPECT_TRUE(board_.done());
  EXPECT_EQ(board_.in_flight(), 0u);
}

TEST_F(WorkBoardTest, ASuspectThatSucceedsAloneIsCleared) {
  const auto tile = board_.next_compile();
  board_.died(*tile);
  run_the_rest();
  EXPECT_EQ(board_.next_suspect(), WorkItem(*tile));
  board_.ready(*tile);
  run_the_rest();
  EXPECT_TRUE(board_.done());
}

TEST_F(WorkBoardTest, ATrialUnderSuspicionWaitsForItsKernel) {
  board_.suspect(TrialIndex{4});
  board_.suspect(KernelIndex{1});
  run_the_rest();
  EXPECT_EQ(board_.next_suspect(), WorkItem(KernelIndex{1}));
  board_.ready({1});
  EXPECT_EQ(board_.next_trial(0), TrialIndex{5});
  board_.finish({5});
  EXPECT_EQ(board_.next_suspect(), WorkItem(TrialIndex{4}));
  board_.finish({4});
  EXPECT_TRUE(board_.done());
}

TEST_F(WorkBoardTest, KillsFromOutsideBlameNobodyButDoNotGoOnForEver) {
  const auto tile = board_.next_compile();
  for (int i = 1; i < WorkBoard::k_max_interruptions; ++i) {
    EXPECT_EQ(board_.interrupted(*tile), Verdict::retry);
    EXPECT_EQ(board_.next_compile(), tile);
  }
  EXPECT_EQ(board_.interrupted(*tile), Verdict::stuck);
  EXPECT_EQ(board_.in_flight(), 0u);
}

TEST_F(WorkBoardTest, AnInterruptedSuspectStaysASuspect) {
  board_.suspect(KernelIndex{0});
  run_the_rest();
  const auto suspect = board_.next_suspect();
  EXPECT_EQ(board_.interrupted(*suspect), Verdict::retry);
  EXPECT_EQ(board_.next_compile(), std::nullopt);
  EXPECT_EQ(board_.next_suspect(), suspect);
}

TEST_F(WorkBoardTest, ALostKernelIsCompiledAgain) {
  board_.ready(*board_.next_compile());
  const auto flying = board_.next_trial(0);
  board_.lost({0});
  board_.put_back(*flying);
  EXPECT_EQ(board_.next_trial(0), std::nullopt);
  EXPECT_EQ(board_.next_compile(), KernelIndex{0});
  board_.ready({0});
  EXPECT_EQ(board_.next_trial(0), flying);
}

TEST_F(WorkBoardTest, FindsItsItemsByValue) {
  EXPECT_EQ(board_.find_trial({2, k_small_g16}), TrialIndex{3});
  EXPECT_EQ(board_.find_trial({3, k_small_g16}), std::nullopt);
}

/// Two trials share one of the two kernels that each needs.
TEST(WorkBoardNeedsTest, ATrialWaitsForAllOfItsKernels) {
  const std::vector<Candidate> trials = {{1, k_small}, {1, k_large}};
  WorkBoard board(trials, 1, {.kernels = 3, .of_trial = {{{0}, {1}}, {{1}, {2}}}});
  board.ready({0});
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  board.ready({1});
  const auto trial = board.next_trial(0);
  EXPECT_EQ(trial, TrialIndex{0});
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  board.lost({1});
  board.put_back(*trial);
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  board.ready({1});
  EXPECT_EQ(board.fail({2}), std::vector<TrialIndex>{TrialIndex{1}});
  board.finish(*board.next_trial(0));
  EXPECT_TRUE(board.done());
  EXPECT_EQ(board.kernels_to_compile(), 0U);
}

TEST(WorkBoardSharingTest, ABatchBelongsToTheWorkerThatBeginsIt) {
  WorkBoard board(plan(), 2, {});
  EXPECT_EQ(board.next_compile(), std::nullopt);
  EXPECT_EQ(board.worker_of({0}), std::nullopt);
  EXPECT_TRUE(board.has_work_for(0) && board.has_work_for(1));
  for (const std::size_t worker : {0, 1}) {
    std::set<std::int64_t> own;
    while (auto trial = board.next_trial(worker)) {
      EXPECT_EQ(board.worker_of(*trial), worker);
      own.insert(board.trials()[trial->value].batch);
    }
    EXPECT_EQ(own.size(), 1U);
  }
  for (std::size_t i = 0; i < board.trials().size(); ++i) board.finish({i});
  EXPECT_TRUE(board.done());
  EXPECT_FALSE(board.has_work_for(0) || board.has_work_for(1));
}

TEST(WorkBoardSharingTest, AnEarlierRunsBatchStaysWhereItWas) {
  WorkBoard board(plan(), 2, {});
  board.belongs_to(1, 1);
  board.belongs_to(2, 1);
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  EXPECT_FALSE(board.has_work_for(0));
  EXPECT_TRUE(board.next_trial(1));
}

TEST(WorkBoardSharingTest, ASuspectOfNobodysBatchGetsAWorker) {
  WorkBoard board({{1, k_small}}, 2, {});
  board.suspect(TrialIndex{0});
  EXPECT_EQ(board.next_trial(0), std::nullopt);
  ASSERT_EQ(board.next_suspect(), WorkItem(TrialIndex{0}));
  ASSERT_TRUE(board.worker_of({0}));
  EXPECT_EQ(board.died(TrialIndex{0}), Verdict::retry_alone);
  ASSERT_EQ(board.next_suspect(), WorkItem(TrialIndex{0}));
  EXPECT_EQ(board.died(TrialIndex{0}), Verdict::failed);
  board.finish({0});
  EXPECT_TRUE(board.done());
  EXPECT_EQ(board.in_flight(), 0U);
}

}  // namespace
}  // namespace moetune::daemon::search
