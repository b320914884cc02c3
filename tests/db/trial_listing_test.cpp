#include "db/trial_listing.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::Trial;
using schema::TrialStatus;

class TrialListingTest : public StoreTest {
 protected:
  void SetUp() override {
    first_ = new_sweep();
    second_ = new_sweep();
    for (int config = 0; config < 4; ++config) record(first_, ok_trial(1, config, 10 + config));
    record(second_, failed_trial(16, 0, TrialStatus::compile_error));
    Trial other = ok_trial(1, 1, 7);
    other.group.device = "NVIDIA_A100";
    other.arch = "sm_80";
    other.group.problem.num_experts = 64;
    record(second_, other);
  }
  std::vector<std::int64_t> ids(const TrialFilter& filter, std::optional<std::int64_t> after = {}, int limit = 100) {
    std::vector<std::int64_t> found;
    for (const auto& row : read([&](Snapshot& snapshot) { return list_trials(snapshot, filter, after, limit); })) {
      found.push_back(row.id);
    }
    return found;
  }
  std::vector<std::int64_t> visited(const TrialFilter& filter, std::optional<std::int64_t> after = {}) {
    std::vector<std::int64_t> found;
    must(for_each_trial(database(), filter, after, [&](const StoredTrial& row) {
      found.push_back(row.id);
      return true;
    }));
    return found;
  }

  std::int64_t first_ = 0;
  std::int64_t second_ = 0;
};

using Ids = std::vector<std::int64_t>;

TEST_F(TrialListingTest, ListsOldestFirstInPages) {
  EXPECT_EQ(ids({}), (Ids{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(ids({}, std::nullopt, 4), (Ids{1, 2, 3, 4}));
  EXPECT_EQ(ids({}, 4, 4), (Ids{5, 6}));
  EXPECT_TRUE(ids({}, 6, 4).empty());
}

TEST_F(TrialListingTest, FiltersByEveryKindOfField) {
  EXPECT_EQ(ids({.sweep = second_}), (Ids{5, 6}));
  EXPECT_EQ(ids({.sweep_label = sweep(first_).label}), (Ids{1, 2, 3, 4}));
  EXPECT_TRUE(ids({.sweep_label = "elsewhere-1"}).empty());
  EXPECT_EQ(ids({.status = TrialStatus::compile_error}), (Ids{5}));
  EXPECT_EQ(ids({.batch = 16}), (Ids{5}));
  EXPECT_EQ(ids({.config = example_config(1)}), (Ids{2, 6}));
  EXPECT_TRUE(ids({.config = example_config(900)}).empty());
  TrialFilter filter;
  filter.group.device = "NVIDIA_A100";
  EXPECT_EQ(ids(filter), (Ids{6}));
  filter.group.device = "NVIDIA_L20";
  EXPECT_TRUE(ids(filter).empty());
  filter = {};
  filter.group.num_experts = 256;
  filter.group.intermediate_size = 512;
  filter.batch = 1;
  EXPECT_EQ(ids(filter), (Ids{1, 2, 3, 4}));
  EXPECT_EQ(ids(filter, 2), (Ids{3, 4}));
  filter.sweep = second_;
  EXPECT_TRUE(ids(filter).empty());
}

TEST_F(TrialListingTest, NamesASweepThatDoesNotExist) {
  const auto listed =
      database().read([](Snapshot& snapshot) { return list_trials(snapshot, {.sweep = 99}, std::nullopt, 10); });
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::not_found);
}

TEST_F(TrialListingTest, LeavesDiscardedRowsOutUnlessAsked) {
  finish(first_);
  discard(first_);
  EXPECT_EQ(ids({}), (Ids{5, 6}));
  EXPECT_TRUE(ids({.sweep = first_}).empty());
  EXPECT_EQ(ids({.sweep = first_, .include_discarded = true}), (Ids{1, 2, 3, 4}));
  const auto rows =
      read([](Snapshot& snapshot) { return list_trials(snapshot, {.include_discarded = true}, std::nullopt, 100); });
  EXPECT_TRUE(rows.front().discarded);
  EXPECT_FALSE(rows.back().discarded);
}

TEST_F(TrialListingTest, VisitsEveryRowAcrossItsPagesAndStopsWhenTold) {
  Ids expected{1, 2, 3, 4, 5, 6};
  write([&](Transaction& transaction) -> Result<void> {
    for (int config = 0; config < 600; ++config) must(record_trial(transaction, first_, ok_trial(64, config, 5)));
    return {};
  });
  for (std::int64_t id = 7; id <= 606; ++id) expected.push_back(id);
  EXPECT_EQ(visited({}), expected);
  EXPECT_EQ(visited({}, 600), (Ids{601, 602, 603, 604, 605, 606}));
  EXPECT_EQ(visited({.batch = 64}).size(), 600U);
  int seen = 0;
  must(for_each_trial(database(), {}, std::nullopt, [&](const StoredTrial&) { return ++seen < 300; }));
  EXPECT_EQ(seen, 300);
}

TEST_F(TrialListingTest, VisitsTheRowsOfTheMomentWhileOthersAreRecorded) {
  int seen = 0;
  int config = 100;
  must(for_each_trial(database(), {}, std::nullopt, [&](const StoredTrial&) {
    record(first_, ok_trial(1, config++, 5));
    return ++seen < 1000;
  }));
  EXPECT_EQ(seen, 6);
}

}  // namespace
}  // namespace moetune::db
