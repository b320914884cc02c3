#include <gtest/gtest.h>

#include "daemon/search/work_board.hpp"
#include "tests/daemon/search/small_plan.hpp"

namespace moetune::daemon::search {
namespace {

class AdmissionTest : public testing::Test {
 protected:
  WorkBoard board_{plan(), 1, one_kernel_per_tile(plan()).needs, 1, Order::plan, Admission::on_request};
};

TEST_F(AdmissionTest, WhatIsNotAdmittedIsAsIfItWereNotThere) {
  EXPECT_TRUE(board_.done());
  EXPECT_EQ(board_.admitted(), 0u);
  EXPECT_EQ(board_.next_compile(), std::nullopt);
  EXPECT_EQ(board_.next_trial(0), std::nullopt);
  EXPECT_TRUE(board_.unfinished_by_batch().empty());
  EXPECT_FALSE(board_.has_work_for(0));
  EXPECT_EQ(board_.batches(), (std::vector<std::int64_t>{1, 2})) << "a worker prepares for all of them";
  board_.suspect(TrialIndex{0});
  board_.suspect(KernelIndex{0});
  EXPECT_EQ(board_.next_suspect(), std::nullopt);
}

TEST_F(AdmissionTest, AnAdmittedTrialWaitsForItsKernelAndIsMeasured) {
  board_.admit({1});
  board_.admit({1});
  EXPECT_EQ(board_.admitted(), 1u);
  EXPECT_FALSE(board_.done());
  const auto kernel = board_.next_compile();
  ASSERT_TRUE(kernel);
  EXPECT_EQ(board_.next_compile(), std::nullopt) << "the other kernel is not wanted";
  board_.ready(*kernel);
  EXPECT_EQ(board_.next_trial(0), TrialIndex{1});
  EXPECT_EQ(board_.next_trial(0), std::nullopt);
  board_.finish({1});
  EXPECT_TRUE(board_.done());
  board_.admit({2});
  EXPECT_EQ(board_.next_trial(0), TrialIndex{2}) << "its kernel is there already";
}

TEST_F(AdmissionTest, AFailedKernelTakesOnlyAdmittedTrialsWithIt) {
  board_.admit({0});
  const auto kernel = board_.next_compile();
  EXPECT_EQ(board_.fail(*kernel), std::vector{TrialIndex{0}});
  EXPECT_TRUE(board_.done());
  board_.admit({1});
  EXPECT_FALSE(board_.done()) << "the caller finishes it";
  EXPECT_EQ(board_.next_compile(), std::nullopt);
  EXPECT_EQ(board_.next_trial(0), std::nullopt);
  board_.finish({1});
  EXPECT_TRUE(board_.done());
}

TEST_F(AdmissionTest, ARowFromBeforeCountsAsAdmitted) {
  board_.finish({3});
  EXPECT_TRUE(board_.is_finished({3}));
  EXPECT_EQ(board_.admitted(), 1u);
  EXPECT_TRUE(board_.done());
  EXPECT_EQ(board_.next_compile(), std::nullopt);
}

TEST_F(AdmissionTest, ASuspectedKernelStaysOneWhenMoreTrialsWantIt) {
  board_.admit({0});
  const auto kernel = board_.next_compile();
  EXPECT_EQ(board_.died(*kernel), Verdict::retry_alone);
  board_.admit({1});
  EXPECT_EQ(board_.next_compile(), std::nullopt);
  EXPECT_EQ(board_.next_suspect(), WorkItem(*kernel));
}

TEST(AdmissionOfSuspectsTest, ASuspectThatNobodyNeededIsTriedAgainWhenSomebodyDoes) {
  // A needs kernels 0 and 1, B needs 1 and 2.
  const KernelNeeds needs{.kernels = 3, .of_trial = {{{0}, {1}}, {{1}, {2}}}};
  WorkBoard board({{1, k_small}, {2, k_small}}, 1, needs, 1, Order::plan, Admission::on_request);
  board.admit({0});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(board.died(*board.next_compile()), Verdict::retry_alone);
  EXPECT_EQ(board.next_suspect(), WorkItem(KernelIndex{0}));
  EXPECT_EQ(board.died(KernelIndex{0}), Verdict::retry_alone);
  while (const auto suspect = board.next_suspect()) {
    if (std::get<KernelIndex>(*suspect) == KernelIndex{0} && board.died(*suspect) == Verdict::failed) {
      EXPECT_EQ(board.fail(KernelIndex{0}), std::vector{TrialIndex{0}});
      continue;
    }
    board.put_back(*suspect);
    break;
  }
  EXPECT_TRUE(board.done());
  EXPECT_EQ(board.next_suspect(), std::nullopt) << "kernel 1 is a suspect that nobody needs";
  board.admit({1});
  EXPECT_EQ(board.next_compile(), KernelIndex{2});
  board.ready({2});
  EXPECT_EQ(board.next_suspect(), WorkItem(KernelIndex{1}));
  board.ready({1});
  EXPECT_EQ(board.next_trial(0), TrialIndex{1});
}

}  // namespace
}  // namespace moetune::daemon::search
