#include "db/anchor_store.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

class AnchorStoreTest : public StoreTest {
 protected:
  static AnchorRow reading(std::int64_t gpu, std::int64_t taken_at) {
    return {.phase = schema::SweepPhase::scan,
            .boot_id = "boot",
            .gpu = gpu,
            .gpu_uuid = "GPU-" + std::to_string(gpu),
            .opening = taken_at == 0,
            .batch = 64,
            .config = example_config(3),
            .taken_at = {taken_at},
            .samples_us = {10.5, 11},
            .sm_clock_mhz = taken_at == 0 ? std::nullopt : std::optional<std::int64_t>(1980),
            .throttle = "sw_power_cap",
            .state = "drifted",
            .change = -0.03};
  }
  void add(std::int64_t sweep, const AnchorRow& row) {
    write([&](Transaction& transaction) { return add_anchor_reading(transaction, sweep, row); });
  }
};

TEST_F(AnchorStoreTest, GivesBackWhatWasStoredGpuByGpu) {
  const auto id = new_sweep();
  for (const auto& [gpu, at] : {std::pair{1, 0}, {0, 1}, {1, 2}}) add(id, reading(gpu, at));
  reopen();
  EXPECT_EQ(read([&](Snapshot& snapshot) { return anchor_readings(snapshot, id); }),
            (std::vector<AnchorRow>{reading(0, 1), reading(1, 0), reading(1, 2)}));
}

TEST_F(AnchorStoreTest, NeverChanges) {
  add(new_sweep(), reading(0, 1));
  EXPECT_NE(raw("UPDATE anchor_readings SET state = 'good'").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM anchor_readings").find("never deleted"), std::string::npos);
}

TEST_F(AnchorStoreTest, CountsTheRowsOfAGpuBetweenTwoMoments) {
  const auto id = new_sweep();
  for (int i = 0; i < 6; ++i) {
    schema::Trial row = ok_trial(1, i, 10);
    row.measured_at = {1000 + i};
    row.gpu_uuid = i % 2 == 0 ? "GPU-0" : "GPU-1";
    record(id, row);
  }
  const auto count = [&](std::int64_t from, std::optional<schema::Timestamp> to) {
    return read([&](Snapshot& snapshot) { return count_rows_between(snapshot, id, "GPU-0", {from}, to); });
  };
  EXPECT_EQ(count(1001, schema::Timestamp{1003}), 1);
  EXPECT_EQ(count(1001, std::nullopt), 2);
  EXPECT_EQ(count(1005, std::nullopt), 0);
}

}  // namespace
}  // namespace moetune::db
