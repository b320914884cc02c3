#include "db/traffic_store.hpp"

#include "db/maintenance.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::Traffic;
using schema::TrafficSource;

class TrafficStoreTest : public StoreTest {
 protected:
  static Traffic timed() { return {"a.log", TrafficSource::batch_times, 2, {{1, 30, 9.5}, {4096, 2, 120.25}}}; }
  static Traffic counted() { return {"b.prom", TrafficSource::prometheus, 14, {{5, 7, std::nullopt}}}; }
  std::int64_t add(const Traffic& traffic) {
    return write([&](Transaction& transaction) { return add_traffic(transaction, traffic); });
  }
  Traffic newest() {
    return read([](Snapshot& snapshot) { return newest_traffic(snapshot); }).value().traffic;
  }
};

TEST_F(TrafficStoreTest, GivesBackWhatWasStored) {
  const auto first = add(timed());
  const auto second = add(counted());
  reopen();
  const auto stored = read([&](Snapshot& snapshot) { return find_traffic(snapshot, first); });
  EXPECT_EQ(stored.traffic, timed());
  EXPECT_EQ(stored.id, first);
  EXPECT_GT(stored.imported_at.ms, 0);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return find_traffic(snapshot, second); }).traffic, counted());
}

TEST_F(TrafficStoreTest, TheNewestImportCountsAlsoOfTheSameFile) {
  EXPECT_FALSE(read([](Snapshot& snapshot) { return newest_traffic(snapshot); }).has_value());
  add(timed());
  add(counted());
  EXPECT_EQ(newest(), counted());
  add(timed());
  EXPECT_EQ(newest(), timed());
}

TEST_F(TrafficStoreTest, ListsTheNewestFirst) {
  add(timed());
  add(counted());
  const auto all = read([](Snapshot& snapshot) { return list_traffic(snapshot, 10); });
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "b.prom");
  EXPECT_EQ(all[0].source, TrafficSource::prometheus);
  EXPECT_EQ(all[1].steps, 32);
  EXPECT_EQ(read([](Snapshot& snapshot) { return list_traffic(snapshot, 1); }).size(), 1U);
}

TEST_F(TrafficStoreTest, WhatIsNotThereIsNotFound) {
  const auto found = database().read([](Snapshot& snapshot) { return find_traffic(snapshot, 3); });
  EXPECT_EQ(found.error().code, ErrorCode::not_found);
}

TEST_F(TrafficStoreTest, NothingOfAnImportChangesOrGoes) {
  add(timed());
  EXPECT_NE(raw("UPDATE traffic_imports SET name = 'other'").find("never changed"), std::string::npos);
  EXPECT_NE(raw("UPDATE traffic_batches SET steps = 1").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM traffic_imports").find("never deleted"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM traffic_batches").find("never deleted"), std::string::npos);
  EXPECT_NE(raw("INSERT INTO traffic_batches VALUES (77, 1, 1, NULL)").find("FOREIGN KEY"), std::string::npos);
  EXPECT_NE(raw("INSERT INTO traffic_batches VALUES (1, 8, 0, 2.0)").find("CHECK"), std::string::npos);
}

TEST_F(TrafficStoreTest, TheCheckFindsTimesOfSomeBatchesOnly) {
  add(timed());
  EXPECT_TRUE(must(check_database(data_dir())).findings.empty());
  ASSERT_EQ(raw("INSERT INTO traffic_batches VALUES (1, 8, 1, NULL)"), "");
  const auto findings = must(check_database(data_dir())).findings;
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_NE(findings[0].find("import of traffic: 1"), std::string::npos) << findings[0];
}

}  // namespace
}  // namespace moetune::db
