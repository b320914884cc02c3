#include "daemon/search/batch_owners.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "daemon/search/race.hpp"
#include "daemon/search/work_board.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::daemon::search {
namespace {

using schema::TileConfig;

TEST(BatchOwnersTest, OneWorkerOwnsEverything) {
  const BatchOwners owners({1, 64}, 1);
  EXPECT_EQ(owners.owner_of(64), 0U);
  EXPECT_EQ(owners.owner_of(2), std::nullopt);
}

TEST(BatchOwnersTest, TheMostWorkThatCanBeginComesFirst) {
  const BatchOwners owners({1, 64, 4096}, 2);
  EXPECT_EQ(owners.next_for(0, {{1, {9, true}}, {64, {9, true}}, {4096, {9, false}}}), 64);
  EXPECT_EQ(owners.next_for(0, {{1, {99, true}}, {64, {9, true}}}), 1);
  EXPECT_EQ(owners.next_for(0, {{1, {9, false}}}), std::nullopt);
}

TEST(BatchOwnersTest, NobodyTakesMoreThanAFairShareUnlessHeHasTheLeast) {
  BatchOwners owners({1, 64, 4096}, 2);
  const std::map<std::int64_t, BatchOwners::Work> work{{1, {9, true}}, {64, {9, true}}, {4096, {9, true}}};
  owners.assign(4096, 0);
  EXPECT_EQ(owners.next_for(0, work), std::nullopt);
  EXPECT_EQ(owners.next_for(1, work), 64);
  EXPECT_EQ(owners.least_loaded(work), 1U);
}

TEST(BatchOwnersTest, WhatTrialsTookCountsMoreThanTheModel) {
  BatchOwners owners({1, 2, 64, 4096}, 2);
  for (const std::int64_t batch : {1, 64}) owners.took(batch, batch == 1 ? 0.5 : 0.01);
  owners.took(4096, 0.02);
  EXPECT_EQ(owners.next_for(0, {{1, {9, true}}, {64, {9, true}}, {4096, {9, true}}}), 1);
  owners.expect({{4096, 1000}});
  EXPECT_EQ(owners.least_loaded({}), 0U);
  owners.assign(4096, 0);
  EXPECT_EQ(owners.least_loaded({}), 1U);
}

/// Seconds of a job of the batch, unlike what the owners assume: rests make heavy batches dear.
double cost(std::int64_t batch) {
  return 0.012 + static_cast<double>(batch) * (batch > 512 ? 2e-5 : 6e-6);
}

/// Two GPUs with jobs a few ahead, and what each of them had to do. Returns the seconds until the end.
class Simulation {
 public:
  Simulation(WorkBoard board, std::optional<Race> race, std::size_t workers)
      : board_(std::move(board)), race_(std::move(race)), queues_(workers), free_at_(workers, 0) {}

  double run() {
    double now = 0;
    admit();
    while (true) {
      for (std::size_t worker = 0; worker < queues_.size(); ++worker) fill(worker, now);
      const auto next = soonest();
      if (!next) break;
      now = free_at_[*next];
      finish(*next);
    }
    EXPECT_TRUE(board_.done());
    return now;
  }
  double work() const { return work_; }

 private:
  void admit() {
    if (!race_) return;
    for (auto wanted = race_->take_wanted(); !wanted.empty(); wanted = race_->take_wanted()) {
      for (const Candidate& candidate : wanted) board_.admit(*board_.find_trial(candidate));
    }
    board_.expect(race_->expected_beyond_wanted());
  }
  void fill(std::size_t worker, double now) {
    constexpr std::size_t k_ahead = 4;
    while (queues_[worker].size() < k_ahead) {
      const auto trial = board_.next_trial(worker);
      if (!trial) return;
      if (queues_[worker].empty()) free_at_[worker] = now + cost(batch_of(*trial));
      queues_[worker].push_back(*trial);
    }
  }
  std::optional<std::size_t> soonest() const {
    std::optional<std::size_t> first;
    for (std::size_t worker = 0; worker < queues_.size(); ++worker) {
      if (!queues_[worker].empty() && (!first || free_at_[worker] < free_at_[*first])) first = worker;
    }
    return first;
  }
  void finish(std::size_t worker) {
    const TrialIndex trial = queues_[worker].front();
    queues_[worker].pop_front();
    const Candidate& done = board_.trials()[trial.value];
    board_.took(done.batch, cost(done.batch));
    board_.finish(trial);
    work_ += cost(done.batch);
    if (!queues_[worker].empty()) free_at_[worker] += cost(batch_of(queues_[worker].front()));
    if (!race_) return;
    race_->tell(done, {.latency_us = latency(done)});
    admit();
  }
  static double latency(const Candidate& candidate) {
    const TileConfig& tile = candidate.config;
    const double best = candidate.batch > 256 ? 128 : 32;
    return 20 + std::abs(tile.block_size_m - best) / 8 + std::abs(tile.block_size_n - 64) / 32.0 + tile.num_stages +
           static_cast<double>(candidate.batch) / 8;
  }
  std::int64_t batch_of(TrialIndex trial) const { return board_.trials()[trial.value].batch; }

  WorkBoard board_;
  std::optional<Race> race_;
  std::vector<std::deque<TrialIndex>> queues_;
  std::vector<double> free_at_;
  double work_ = 0;
};

std::vector<Candidate> whole_plan() {
  std::vector<TileConfig> configs;
  for (const int m : {16, 32, 64, 128}) {
    for (const int n : {32, 64, 128}) {
      for (const int group : {1, 16, 32}) {
        for (const int stages : {2, 3, 4, 5}) configs.push_back({m, n, 64, group, 4, stages});
      }
    }
  }
  std::map<std::int64_t, TileConfig> defaults;
  for (const std::int64_t batch : schema::default_batches()) defaults[batch] = {64, 64, 64, 1, 4, 3};
  return exhaustive_plan(defaults, configs);
}

TEST(SeveralGpusTest, AnExhaustiveSweepIsNearlyTwiceAsFastOnTwo) {
  Simulation two(WorkBoard(whole_plan(), 2, {}), std::nullopt, 2);
  const double wall = two.run();
  EXPECT_LT(wall, 1.05 * two.work() / 2);
  Simulation eight(WorkBoard(whole_plan(), 8, {}), std::nullopt, 8);
  const double wall_of_eight = eight.run();
  const double longest = cost(4096) * 145;  // one batch is one GPU's
  EXPECT_LT(wall_of_eight, 1.05 * std::max(longest, eight.work() / 8));
}

TEST(SeveralGpusTest, TheOrderOfTrafficCostsTwoGpusLittle) {
  // Decode steps, then everything, the lightest first: the worst order to share out.
  for (const bool all : {false, true}) {
    BatchRanks ranks;
    for (const std::int64_t batch : schema::default_batches()) {
      if (all || batch <= 64) ranks.emplace(batch, ranks.size());
    }
    WorkBoard board(heaviest_first(whole_plan(), ranks), 2, {});
    board.prefer(ranks);
    Simulation two(std::move(board), std::nullopt, 2);
    const double wall = two.run();
    EXPECT_LT(wall, 1.12 * two.work() / 2) << wall / two.work();
  }
}

TEST(SeveralGpusTest, ARaceIsNearlyTwiceAsFastOnTwo) {
  const auto plan = whole_plan();
  Simulation two(WorkBoard(plan, 2, {}, 1, Order::plan, Admission::on_request), Race(plan, {}, {}, false), 2);
  const double wall = two.run();
  EXPECT_LT(wall, 1.15 * two.work() / 2);
}

}  // namespace
}  // namespace moetune::daemon::search
