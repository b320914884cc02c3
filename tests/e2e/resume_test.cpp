#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

constexpr std::size_t k_compile_slots = 2;
constexpr std::size_t k_jobs_ahead = 8;

/// Attempts begun in the database of a daemon that has ended, by kind.
struct Begun {
  std::size_t compiles = 0;
  std::size_t measurements = 0;
  std::size_t open = 0;
};

Begun count_attempts(const std::filesystem::path& data_dir) {
  const SQLite::Database database(data_dir / "results.db", SQLite::OPEN_READONLY);
  const auto count = [&](const std::string& condition) {
    SQLite::Statement query(database, "SELECT count(*) FROM attempts WHERE " + condition);
    query.executeStep();
    return static_cast<std::size_t>(query.getColumn(0).getInt64());
  };
  return {.compiles = count("kind = 'compile'"),
          .measurements = count("kind = 'measure'"),
          .open = count("id NOT IN (SELECT attempt_id FROM attempt_outcomes)")};
}

class ResumeTest : public testing::Test {
 protected:
  RunningDaemon::Options options() const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--compile-jobs", std::to_string(k_compile_slots)}};
  }
  static std::string exported(const RunningDaemon& daemon) {
    return daemon.get("/export?E=8&N=256&kernel=cuda&allow_recorded=1").body;
  }

  TempFolder folder_;
};

TEST_F(ResumeTest, AKilledDaemonGoesOnWithoutMeasuringAgain) {
  std::string undisturbed;
  Begun expected;
  {
    TempFolder other;
    RunningDaemon daemon({.data_dir = other.path() / "data", .cache_dir = other.path() / "cache"});
    daemon.wait_for(daemon.tune(small_problem(), true), {"done"});
    undisturbed = exported(daemon);
    EXPECT_EQ(daemon.terminate(), 0);
    expected = count_attempts(other.path() / "data");
  }
  EXPECT_EQ(expected.compiles, small_problem().tiles());
  EXPECT_GT(expected.measurements, small_problem().trials()) << "the best of each batch and its default have rounds";

  {
    RunningDaemon daemon(options());
    const auto id = daemon.tune(small_problem(), true);
    daemon.wait_for_trials(id, static_cast<std::int64_t>(small_problem().trials() / 4));
    daemon.kill();
  }
  const Begun at_kill = count_attempts(folder_.path() / "data");
  EXPECT_GT(at_kill.measurements, 0u);
  EXPECT_LT(at_kill.measurements, expected.measurements);

  RunningDaemon daemon(options());
  const auto view = daemon.wait_for(1, {"done", "failed"});
  EXPECT_EQ(view["state"], "done") << daemon.log();
  EXPECT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", small_problem().trials()}}));
  EXPECT_EQ(exported(daemon), undisturbed);
  EXPECT_EQ(daemon.terminate(), 0);
  const Begun total = count_attempts(folder_.path() / "data");
  EXPECT_EQ(total.open, 0u);
  EXPECT_LE(total.compiles, expected.compiles + k_compile_slots);
  EXPECT_LE(total.measurements, expected.measurements + k_jobs_ahead);
}

TEST_F(ResumeTest, ACleanStopLosesAndBlamesNothing) {
  std::int64_t id = 0;
  {
    RunningDaemon daemon(options());
    id = daemon.tune(small_problem(), true);
    daemon.wait_for_trials(id, 4);
    EXPECT_EQ(daemon.terminate(), 0);
  }
  EXPECT_EQ(count_attempts(folder_.path() / "data").open, 0u);
  RunningDaemon daemon(options());
  EXPECT_EQ(daemon.wait_for(id, {"done", "failed"})["trials"]["by_status"],
            nlohmann::json({{"ok", small_problem().trials()}}));
}

TEST_F(ResumeTest, PauseHoldsAndResumeGoesOn) {
  RunningDaemon daemon(options());
  const auto id = daemon.tune(small_problem(), true);
  const std::string path = "/sweeps/" + std::to_string(id);
  daemon.wait_for_trials(id, 2);
  EXPECT_EQ(daemon.post(path + "/pause").json()["state"], "paused");
  const auto other = daemon.tune(small_problem(), false);
  EXPECT_EQ(daemon.wait_for(other, {"done", "failed"})["state"], "done");  // a paused sweep holds nobody up
  EXPECT_EQ(daemon.sweep(id)["state"], "paused");
  EXPECT_EQ(daemon.post(path + "/resume").status, 200);
  EXPECT_EQ(daemon.wait_for(id, {"done", "failed"})["trials"]["by_status"],
            nlohmann::json({{"ok", small_problem().trials()}}));
}

TEST_F(ResumeTest, CancelEndsForGood) {
  RunningDaemon daemon(options());
  const auto id = daemon.tune(small_problem(), true);
  const std::string path = "/sweeps/" + std::to_string(id);
  daemon.wait_for_trials(id, 1);
  EXPECT_EQ(daemon.post(path + "/cancel").json()["state"], "cancelled");
  EXPECT_EQ(daemon.post(path + "/resume").status, 409);
  EXPECT_EQ(daemon.post(path + "/pause").status, 409);
  EXPECT_EQ(daemon.post("/sweeps/99/pause").status, 404);
  const auto next = daemon.tune(small_problem(), false);
  EXPECT_EQ(daemon.wait_for(next, {"done", "failed"})["state"], "done");
}

}  // namespace
}  // namespace moetune::e2e
