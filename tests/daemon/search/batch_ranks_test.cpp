#include "daemon/search/batch_ranks.hpp"

#include <gtest/gtest.h>

#include "daemon/search/work_board.hpp"
#include "tests/daemon/search/small_plan.hpp"

namespace moetune::daemon::search {
namespace {

TEST(BatchRanksTest, TheMostTimeComesFirst) {
  const BatchRanks ranks = ranks_by_time({{1, 5}, {8, 70}, {16, 0}, {64, 20}, {128, 5}});
  EXPECT_EQ(ranks, (BatchRanks{{8, 0}, {64, 1}, {1, 2}, {128, 3}}));
  EXPECT_EQ(rank_of(ranks, 16), 4U) << "after all that have one";
  EXPECT_EQ(rank_of({}, 16), 0U);
  EXPECT_TRUE(ranks_by_time({}).empty());
}

TEST(BatchRanksTest, TrialsOfABatchStayInTheirOrder) {
  const std::vector<Candidate> expected = {{2, k_small}, {2, k_small_g16}, {2, k_large},
                                           {1, k_small}, {1, k_small_g16}, {1, k_large}};
  EXPECT_EQ(heaviest_first(plan(), {{2, 0}}), expected);
  EXPECT_EQ(heaviest_first(plan(), {{2, 0}, {1, 1}}), expected);
  EXPECT_EQ(heaviest_first(plan(), {}), plan());
  EXPECT_EQ(heaviest_first(plan(), {{77, 0}}), plan()) << "nothing is spent near any of them";
}

/// Three batches whose kernels are there.
class RankedBoardTest : public testing::Test {
 protected:
  static std::vector<Candidate> candidates() {
    return {{1, k_small}, {2, k_small}, {3, k_small}, {1, k_large}, {2, k_large}, {3, k_large}};
  }
  static WorkBoard board(Order order, std::size_t workers, const BatchRanks& ranks,
                         Admission admission = Admission::all) {
    WorkBoard board(heaviest_first(candidates(), admission == Admission::all ? ranks : BatchRanks()), workers,
                    {.kernels = 0, .of_trial = {}}, 1, order, admission);
    board.prefer(ranks);
    return board;
  }
  /// Gives each trial that is due two rounds and then its row; the batches in the order of their rows.
  static std::vector<std::int64_t> rows(WorkBoard board) {
    std::vector<std::int64_t> batches;
    board.open_rounds();
    while (const auto trial = board.next_trial(0)) {
      if (board.rounds_of(*trial) < 2) {
        board.had_round(*trial);
        continue;
      }
      batches.push_back(board.trials()[trial->value].batch);
      board.finish(*trial);
    }
    return batches;
  }
};

using Batches = std::vector<std::int64_t>;

TEST_F(RankedBoardTest, HeatsEndBatchByBatch) {
  EXPECT_EQ(rows(board(Order::heats, 1, {{3, 0}, {1, 1}})), (Batches{3, 3, 1, 1, 2, 2}));
  WorkBoard ranked = board(Order::heats, 1, {{3, 0}, {1, 1}});
  ranked.open_rounds();
  Batches first_jobs;
  for (int i = 0; i < 6; ++i) {
    const auto trial = ranked.next_trial(0);
    first_jobs.push_back(ranked.trials()[trial->value].batch);
    ranked.had_round(*trial);
  }
  EXPECT_EQ(first_jobs, (Batches{3, 3, 3, 3, 3, 3})) << "also before the first rounds of others";
}

TEST_F(RankedBoardTest, WithoutRanksAllBatchesGoOnAtTheSameTime) {
  WorkBoard plain = board(Order::heats, 1, {});
  plain.open_rounds();
  for (const std::int64_t batch : {1, 2, 3, 1, 2, 3}) {
    const auto trial = plain.next_trial(0);
    EXPECT_EQ(plain.trials()[trial->value].batch, batch);
    plain.had_round(*trial);
  }
}

TEST_F(RankedBoardTest, WhatWaitsDoesNotHoldUpOthers) {
  WorkBoard ranked = board(Order::heats, 1, {{3, 0}, {1, 1}});
  ranked.open_rounds();
  Batches flying;
  while (const auto trial = ranked.next_trial(0)) flying.push_back(ranked.trials()[trial->value].batch);
  EXPECT_EQ(flying, (Batches{3, 3, 1, 1, 2, 2})) << "second rounds wait for the first ones' answers";
}

TEST_F(RankedBoardTest, WhatARaceAsksForComesAsItStandsInThePlan) {
  WorkBoard race = board(Order::heats, 1, {{3, 0}}, Admission::on_request);
  for (std::size_t i = 0; i < 6; ++i) race.admit({i});
  Batches jobs;
  for (int i = 0; i < 6; ++i) {
    const auto trial = race.next_trial(0);
    jobs.push_back(race.trials()[trial->value].batch);
    race.had_round(*trial);
  }
  EXPECT_EQ(jobs, (Batches{1, 2, 3, 1, 2, 3}));
  race.open_rounds();
  EXPECT_EQ(race.trials()[race.next_trial(0)->value].batch, 3) << "later rounds go by the ranks";
}

TEST_F(RankedBoardTest, EachWorkerBeginsWhatIsFirstAndFree) {
  WorkBoard ranked = board(Order::heats, 2, {{2, 0}, {1, 1}});
  EXPECT_EQ(ranked.trials()[ranked.next_trial(0)->value].batch, 2);
  EXPECT_EQ(ranked.trials()[ranked.next_trial(1)->value].batch, 1);
  WorkBoard race = board(Order::plan, 2, {{2, 0}, {1, 1}}, Admission::on_request);
  for (std::size_t i = 0; i < 6; ++i) race.admit({i});
  EXPECT_EQ(race.trials()[race.next_trial(0)->value].batch, 3) << "the most work, which others may wait for";
}

TEST(BatchOwnersRanksTest, AFairShareIsKeptToAllTheSame) {
  BatchOwners owners({1, 64, 4096}, 2);
  const std::map<std::int64_t, BatchOwners::Work> work{{1, {9, true}}, {64, {9, true}}, {4096, {9, true}}};
  owners.prefer({{1, 0}, {4096, 1}});
  EXPECT_EQ(owners.next_for(0, work), 1);
  owners.assign(1, 0);
  EXPECT_EQ(owners.next_for(1, work), 4096);
  owners.assign(4096, 1);
  EXPECT_EQ(owners.next_for(1, work), std::nullopt);
  EXPECT_EQ(owners.next_for(0, work), 64);
}

}  // namespace
}  // namespace moetune::daemon::search
