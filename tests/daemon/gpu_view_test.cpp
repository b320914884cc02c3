#include "daemon/sweep/gpu_view.hpp"

#include <gmock/gmock.h>

#include "tests/db/store_fixture.hpp"

namespace moetune::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class GpuViewTest : public db::StoreTest {
 protected:
  void open(std::int64_t gpu, const std::string& boot, std::int64_t batch, double us) {
    const db::AnchorRow row{.boot_id = boot,
                            .gpu = gpu,
                            .gpu_uuid = "GPU-" + std::to_string(gpu),
                            .opening = true,
                            .batch = batch,
                            .config = db::example_config(1),
                            .taken_at = {1000 + static_cast<std::int64_t>(readings_)},
                            .samples_us = {us, us + 0.01, us - 0.01},
                            .sm_clock_mhz = 1980,
                            .throttle = "",
                            .state = "good",
                            .change = 0};
    ++readings_;
    write([&](db::Transaction& transaction) { return db::add_anchor_reading(transaction, sweep_, row); });
  }
  GpuView view() {
    return read([&](db::Snapshot& snapshot) -> schema::Result<GpuView> {
      const auto readings = db::anchor_readings(snapshot, sweep_);
      if (!readings) return std::unexpected(readings.error());
      return gpu_view(snapshot, sweep_, *readings);
    });
  }
  std::int64_t sweep_ = new_sweep();
  int readings_ = 0;
};

TEST_F(GpuViewTest, ABeginThatWasCutOffDoesNotHideThatAGpuIsSlower) {
  open(0, "killed", 1, 10);
  for (int i = 0; i < 3; ++i) {
    for (const std::int64_t gpu : {0, 1}) {
      open(gpu, "later", 1, gpu == 0 ? 10 : 10.5);
      open(gpu, "later", 64, gpu == 0 ? 100 : 105);
    }
  }
  const auto seen = view();
  ASSERT_THAT(seen.warnings, SizeIs(1));
  EXPECT_THAT(seen.warnings.front(), HasSubstr("GPU 1 is 5.0 % slower than GPU 0"));
}

TEST_F(GpuViewTest, ALaterPhaseThatLooksAtOneBatchAloneChangesNothing) {
  for (int i = 0; i < 3; ++i) {
    for (const std::int64_t gpu : {0, 1}) {
      open(gpu, "boot", 1, 10);
      open(gpu, "boot", 64, 100);
    }
  }
  for (int i = 0; i < 3; ++i) {
    open(0, "again", 3, 10);
    open(1, "again", 3, 10.5);
  }
  EXPECT_THAT(view().warnings, SizeIs(0));
}

}  // namespace
}  // namespace moetune::daemon
