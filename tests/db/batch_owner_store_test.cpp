#include "db/batch_owner_store.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::SweepPhase;
using Owners = std::map<std::int64_t, std::vector<std::string>>;

class BatchOwnerStoreTest : public StoreTest {
 protected:
  void add(std::int64_t sweep, SweepPhase phase, std::int64_t batch, const std::string& uuid) {
    write([&](Transaction& transaction) { return add_batch_owner(transaction, sweep, phase, batch, uuid); });
  }
  Owners owners(std::int64_t sweep, SweepPhase phase) {
    return read([&](Snapshot& snapshot) { return batch_owners(snapshot, sweep, phase); });
  }
};

TEST_F(BatchOwnerStoreTest, EachPhaseOfASweepHasItsOwn) {
  const auto id = new_sweep();
  add(id, SweepPhase::scan, 64, "GPU-1");
  add(id, SweepPhase::measure, 64, "GPU-2");
  add(id, SweepPhase::measure, 64, "GPU-2");
  add(id, SweepPhase::measure, 1, "GPU-2");
  add(id, SweepPhase::measure, 1, "GPU-1");
  EXPECT_EQ(owners(id, SweepPhase::scan), (Owners{{64, {"GPU-1"}}}));
  EXPECT_EQ(owners(id, SweepPhase::measure), (Owners{{1, {"GPU-2", "GPU-1"}}, {64, {"GPU-2"}}}));
  EXPECT_EQ(owners(id + 1, SweepPhase::scan), Owners{});
  EXPECT_EQ(read([&](Snapshot& snapshot) { return taken_over_batches(snapshot, id); }),
            (Owners{{1, {"GPU-2", "GPU-1"}}}))
      << "a phase may have another GPU than the one before";
}

TEST_F(BatchOwnerStoreTest, NeverChanges) {
  add(new_sweep(), SweepPhase::scan, 64, "GPU-1");
  EXPECT_NE(raw("UPDATE sweep_batches SET gpu_uuid = 'x'").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM sweep_batches").find("never deleted"), std::string::npos);
}

}  // namespace
}  // namespace moetune::db
