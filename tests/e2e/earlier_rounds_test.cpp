// Databases with rounds of samples, as daemons of earlier versions left them when they were killed.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

/// Rounds of the second sweep whose candidates have no row yet.
constexpr const char* k_rounds_without_row =
    "SELECT count(*) FROM samples s JOIN runs r ON r.id = s.run_id WHERE r.sweep_id = 2 AND NOT EXISTS (SELECT 1 FROM "
    "trials t WHERE t.run_id = s.run_id AND t.batch = s.batch AND t.config_id = s.config_id)";

/// Sweep 1 is done, a race on a recording. Sweep 2 is in the middle of its rounds, on two GPUs that compute nothing.
class EarlierRoundsTest : public testing::Test {
 protected:
  RunningDaemon::Options options(const std::string& delay_ms) const {
    return {.data_dir = data(),
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--compile-jobs", "2"},
            .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER},
                            {"FAKE_CUDA_DEVICES", "2"},
                            {"MOETUNE_TEST_MEASURE_DELAY_MS", delay_ms}}};
  }
  std::filesystem::path data() const { return folder_.path() / "data"; }
  std::int64_t count(const std::string& query) const {
    const SQLite::Database database(data() / "results.db", SQLite::OPEN_READONLY);
    SQLite::Statement statement(database, query);
    statement.executeStep();
    return statement.getColumn(0).getInt64();
  }
  static json second_spec() {
    ProblemInSpace problem = six_tiles();
    problem.problem.dtype = schema::Dtype::none;
    problem.problem.block_shape.reset();
    problem.batches = {1, 64, 256};
    problem.space["BLOCK_SIZE_K"] = {64};
    problem.space["GROUP_SIZE_M"] = {1};
    json spec = problem.sweep("", false);
    for (const char* field : {"recording", "compile"}) spec.erase(field);
    spec["kernel"] = "cuda";
    return spec;
  }
  /// What the fixtures are, by this version.
  void leave_half_finished() const {
    RunningDaemon daemon(options("3"));
    json first = small_problem().sweep(daemon.upload(small_problem().recording()), false);
    first["strategy"] = "race";
    ASSERT_EQ(daemon.wait_for(daemon.create_sweep(first), {"done", "failed"})["state"], "done") << daemon.log();
    daemon.create_sweep(second_spec());
    for (int i = 0; i < 4000 && count(k_rounds_without_row) < 5; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    daemon.kill();
  }
  /// By batch what the first sweep chose and why.
  static std::map<std::string, std::string> choices(const RunningDaemon& daemon) {
    std::map<std::string, std::string> reasons;
    const json best = daemon.get("/best?E=8&N=256&dtype=fp8_w8a8&kernel=cuda").json()["results"][0]["configs"];
    for (const auto& [batch, entry] : best.items()) {
      const json& config = entry["chosen"]["config"];
      reasons[batch] = config["BLOCK_SIZE_M"].dump() + "x" + config["BLOCK_SIZE_N"].dump() + ", group " +
                       config["GROUP_SIZE_M"].dump() + ": " + entry["reason"].get<std::string>();
    }
    return reasons;
  }
  /// Its choice is what it was, and what its unfinished sweep knew is not measured again.
  void expect_goes_on() const {
    const std::int64_t rows = count("SELECT count(*) FROM trials");
    ASSERT_GT(count(k_rounds_without_row), 0);
    RunningDaemon daemon(options("0"));
    EXPECT_EQ(choices(daemon), (std::map<std::string, std::string>{
                                   {"1", "16x64, group 32: 9.84 % (9.70 to 9.99 %) faster than the default"},
                                   {"64", "16x64, group 32: 6.12 % (5.94 to 6.31 %) faster than the default"}}));
    const json view = daemon.wait_for(2, {"done", "failed", "paused"});
    ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
    EXPECT_EQ(view["trials"]["done"], view["trials"]["total"]);
    EXPECT_GT(count("SELECT count(*) FROM trials"), rows);
    EXPECT_EQ(count(k_rounds_without_row), 0);
    // Each batch stays with the GPU that began it.
    EXPECT_EQ(count("SELECT count(*) FROM sweep_batches"), count("SELECT count(DISTINCT batch) FROM sweep_batches"));
    EXPECT_EQ(count("SELECT count(DISTINCT e.gpu_uuid || t.batch) FROM trials t JOIN runs r ON r.id = t.run_id JOIN "
                    "environments e ON e.id = t.environment_id WHERE r.sweep_id = 2"),
              3);
    // A row has the rounds from before among its own.
    std::size_t chunks_of_rows = 0;
    const json items = daemon.get("/trials?limit=1000&sweep=2").json()["items"];
    for (const json& row : items) chunks_of_rows += row["samples_us"].size() / 3;
    EXPECT_EQ(static_cast<std::int64_t>(chunks_of_rows),
              count("SELECT count(*) FROM samples s JOIN runs r ON r.id = s.run_id WHERE r.sweep_id = 2"));
  }

  TempFolder folder_;
};

/// Named by the version of the schema. A fixture is what leave_half_finished() left with the daemon of that version,
/// its log folded in by `db_writer FOLDER hold`: see TheSweepsOfThisVersion.
class EarlierRoundsFixtureTest : public EarlierRoundsTest, public testing::WithParamInterface<const char*> {};

TEST_P(EarlierRoundsFixtureTest, KeepsItsChoiceAndGoesOnWithItsSweep) {
  std::filesystem::create_directories(data());
  std::filesystem::copy_file(std::filesystem::path(MOETUNE_DB_FIXTURES) / GetParam(), data() / "results.db");
  expect_goes_on();
  const auto check = run_program({executable("moetune"), "--data-dir", data().string(), "db", "check"});
  EXPECT_EQ(check.status, 0) << check.out << check.err;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, EarlierRoundsFixtureTest, testing::Values("v13.db", "v17.db"),
                         [](const auto& version) { return std::string(version.param).substr(0, 3); });

/// $MOETUNE_KEEP_DATABASE is a folder that gets the database as the killed daemon left it: the next fixture.
TEST_F(EarlierRoundsTest, TheSweepsOfThisVersion) {
  leave_half_finished();
  if (const char* folder = std::getenv("MOETUNE_KEEP_DATABASE")) {
    std::filesystem::create_directories(folder);
    for (const char* name : {"results.db", "results.db-wal"}) {
      std::filesystem::copy_file(data() / name, std::filesystem::path(folder) / name);
    }
  }
  expect_goes_on();
}

}  // namespace
}  // namespace moetune::e2e
