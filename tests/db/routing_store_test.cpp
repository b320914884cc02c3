#include "db/routing_store.hpp"

#include "db/maintenance.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::ExpertCounts;

class RoutingStoreTest : public StoreTest {
 protected:
  static constexpr const char* k_name = "counts:0123456789abcdef";
  static ExpertCounts two_layers() { return {{{3, 0, 5}, {1, 1, 1}}}; }
  void keep(const std::string& name, const ExpertCounts& counts) {
    write([&](Transaction& transaction) { return keep_expert_counts(transaction, name, counts); });
  }
};

TEST_F(RoutingStoreTest, GivesBackWhatWasKept) {
  keep(k_name, two_layers());
  keep(k_name, two_layers());
  reopen();
  const auto stored = read([](Snapshot& snapshot) { return find_expert_counts(snapshot, k_name); });
  EXPECT_EQ(stored.value().counts, two_layers());
  EXPECT_FALSE(read([](Snapshot& snapshot) { return find_expert_counts(snapshot, "counts:"); }).has_value());
}

TEST_F(RoutingStoreTest, ListsWhatThereIs) {
  keep(k_name, two_layers());
  keep("counts:fedcba9876543210", {{{1, 2, 3, 4}}});
  const auto all = read([](Snapshot& snapshot) { return list_expert_counts(snapshot, std::nullopt, 10); });
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, k_name);
  EXPECT_EQ(all[0].layers, 2);
  EXPECT_EQ(all[0].experts, 3);
  EXPECT_EQ(all[1].experts, 4);
  const auto rest = read([&](Snapshot& snapshot) { return list_expert_counts(snapshot, all[0].id, 10); });
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].name, "counts:fedcba9876543210");
}

TEST_F(RoutingStoreTest, ANameStandsForOneContentForEver) {
  keep(k_name, two_layers());
  const auto other = database().write(
      [](Transaction& transaction) { return keep_expert_counts(transaction, k_name, ExpertCounts{{{7}}}); });
  EXPECT_EQ(other.error().code, ErrorCode::conflict);
  EXPECT_NE(raw("UPDATE expert_counts SET name = 'counts:other'").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM expert_counts").find("never deleted"), std::string::npos);
  ASSERT_EQ(raw("INSERT INTO expert_counts (name, content, added_at) VALUES ('counts:1', 'nonsense', 1)"), "");
  EXPECT_EQ(must(check_database(data_dir())).findings.size(), 1U);
  EXPECT_NE(raw("INSERT INTO expert_counts (name, content, added_at) VALUES ('zipf:1', '{}', 1)").find("CHECK"),
            std::string::npos);
}

}  // namespace
}  // namespace moetune::db
