#include "db/sibling_store.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using SiblingStoreTest = StoreTest;

TEST_F(SiblingStoreTest, GivesBackWhatASweepTookInItsOrder) {
  const auto with = new_sweep();
  const auto without = new_sweep();
  const SiblingSeeds seeds = {{1, {example_config(5), example_config(2)}}, {64, {example_config(1)}}};
  write([&](Transaction& transaction) { return set_sibling_seeds(transaction, with, seeds); });
  reopen();
  EXPECT_EQ(read([&](Snapshot& snapshot) { return sibling_seeds_of(snapshot, with); }), seeds);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return sibling_seeds_of(snapshot, without); }), std::nullopt);
}

TEST_F(SiblingStoreTest, NeverChangesThem) {
  const auto sweep = new_sweep();
  write([&](Transaction& transaction) { return set_sibling_seeds(transaction, sweep, {}); });
  EXPECT_NE(raw("UPDATE sibling_seeds SET content = '[1]'").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM sibling_seeds").find("never deleted"), std::string::npos);
  EXPECT_NE(raw("INSERT INTO sibling_seeds VALUES (77, '[]')").find("FOREIGN KEY"), std::string::npos);
}

}  // namespace
}  // namespace moetune::db
