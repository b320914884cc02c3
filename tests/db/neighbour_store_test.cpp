#include "db/neighbour_store.hpp"

#include "db/best_query.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

class NeighbourStoreTest : public StoreTest {
 protected:
  /// The group of a row of the example problem with so many experts.
  std::int64_t group_of(std::int64_t num_experts) {
    schema::Trial row = ok_trial(1, 0, 10);
    row.group.problem.num_experts = num_experts;
    record(new_sweep(), row);
    schema::GroupFilter filter;
    filter.num_experts = num_experts;
    filter.intermediate_size = row.group.problem.intermediate_size;
    return read([&](Snapshot& snapshot) { return matching_groups(snapshot, filter); }).front().id;
  }
};

TEST_F(NeighbourStoreTest, GivesBackWhatWasStoredInItsOrder) {
  const std::int64_t near = group_of(100);
  const std::int64_t far = group_of(10);
  const std::vector<NeighbourRow> rows{
      {far, 1, example_config(7)}, {near, 1, example_config(3)}, {near, 64, example_config(3)}};
  const auto id = new_sweep();
  write([&](Transaction& transaction) { return set_sweep_neighbours(transaction, id, rows); });
  reopen();
  EXPECT_EQ(read([&](Snapshot& snapshot) { return neighbours_of_sweep(snapshot, id); }), rows);
  EXPECT_TRUE(read([&](Snapshot& snapshot) { return neighbours_of_sweep(snapshot, id + 1); }).empty());
  const auto shares = read([&](Snapshot& snapshot) { return neighbour_shares(snapshot, id); });
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(shares[0].problem.num_experts, 100);
  EXPECT_EQ(shares[0].candidates, 2);
  EXPECT_EQ(shares[1].problem.num_experts, 10);
}

TEST_F(NeighbourStoreTest, WhatASweepBeganWithNeverChanges) {
  const auto id = new_sweep();
  const std::vector<NeighbourRow> rows{{group_of(8), 1, example_config(0)}};
  write([&](Transaction& transaction) { return set_sweep_neighbours(transaction, id, rows); });
  EXPECT_FALSE(database().write([&](Transaction& transaction) { return set_sweep_neighbours(transaction, id, rows); }));
  EXPECT_NE(raw("UPDATE sweep_neighbours SET batch = 2").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM sweep_neighbours").find("never deleted"), std::string::npos);
}

TEST_F(NeighbourStoreTest, SetsOfAShapeAreFoundByAnIndex) {
  EXPECT_EQ(raw("SELECT id FROM candidate_sets INDEXED BY candidate_sets_shape WHERE num_experts = 8 AND "
                "intermediate_size = 64 AND dtype = ''"),
            "");
}

}  // namespace
}  // namespace moetune::db
