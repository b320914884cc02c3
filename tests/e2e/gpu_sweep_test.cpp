// Sweeps on a GPU that computes nothing: everything but the driver is real, the compiler too.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

class GpuSweepTest : public testing::Test {
 protected:
  RunningDaemon::Options options(int compile_jobs) const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--compile-jobs", std::to_string(compile_jobs)},
            .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}}};
  }
  static json finished(const RunningDaemon& daemon) {
    json spec = six_tiles().sweep("", true);
    for (const char* field : {"recording", "compile"}) spec.erase(field);
    return daemon.wait_for(daemon.create_sweep(spec), {"done", "failed", "paused"});
  }

  TempFolder folder_;
};

TEST_F(GpuSweepTest, CompilesTheStepAmongTheTilesWithAsManyWorkersAsThereAre) {
  for (const int jobs : {1, 2, 6}) {
    std::filesystem::remove_all(folder_.path() / "cache");
    const RunningDaemon daemon(options(jobs));
    const json view = finished(daemon);
    EXPECT_EQ(view["state"], "done") << jobs << " workers: " << view.dump() << daemon.log();
    EXPECT_EQ(view["trials"]["by_status"], json({{"ok", six_tiles().trials()}})) << view.dump();
    EXPECT_EQ(view["compiles"], json({{"done", six_tiles().tiles()}, {"cached", 0}, {"failed", 0}}));
    const json rerun = finished(daemon);
    EXPECT_EQ(rerun["compiles"], json({{"done", 0}, {"cached", six_tiles().tiles()}, {"failed", 0}}));
    const SQLite::Database database(folder_.path() / "data" / "results.db", SQLite::OPEN_READONLY);
    EXPECT_EQ(SQLite::Statement(database, "SELECT 1 FROM open_attempts").executeStep(), false)
        << "an attempt is still open";
  }
}

}  // namespace
}  // namespace moetune::e2e
