// The wall clock jumps under the real daemon, by means of clock_shift.cpp.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>

#include "schema/timestamp.hpp"
#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

constexpr std::int64_t k_day = 86'400;
constexpr std::int64_t k_year = 365 * k_day;

class ClockJumpTest : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer wants to be the first library of the process itself";
#endif
    set_clock_back_by(0);
  }

  /// How many seconds the daemon's wall clock is behind the real one; negative: ahead.
  void set_clock_back_by(std::int64_t seconds) const {
    const std::int64_t shift = -seconds;
    std::ofstream file(shift_file(), std::ios::binary | std::ios::in | std::ios::out);
    if (!file) file.open(shift_file(), std::ios::binary);
    file.write(reinterpret_cast<const char*>(&shift), sizeof shift);
  }
  std::filesystem::path shift_file() const { return folder_.path() / "shift"; }

  std::unique_ptr<RunningDaemon> started(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.end(), {"--compile-jobs", "2"});
    return std::make_unique<RunningDaemon>(RunningDaemon::Options{
        .data_dir = folder_.path() / "data",
        .cache_dir = folder_.path() / "cache",
        .arguments = std::move(arguments),
        .environment = {{"LD_PRELOAD", MOETUNE_CLOCK_SHIFT}, {"MOETUNE_TEST_CLOCK_SHIFT", shift_file().string()}}});
  }

  /// The clock that the daemon has is the one that the test set.
  static void expect_year(const RunningDaemon& daemon, const std::string& year) {
    const auto sweep = daemon.sweep(daemon.tune(six_tiles(), false));
    EXPECT_TRUE(sweep["created_at"].get<std::string>().starts_with(year)) << sweep.dump();
  }
  static void expect_sensible(const json& view) {
    if (view["eta_s"].is_number()) {
      EXPECT_GE(view["eta_s"].get<double>(), 0) << view.dump();
      EXPECT_LT(view["eta_s"].get<double>(), 3600) << view.dump();
    }
    for (const char* name : {"created_at", "started_at", "finished_at"}) {
      if (!view[name].is_string()) continue;
      EXPECT_TRUE(schema::timestamp_from_text(view[name].get<std::string>())) << view.dump();
    }
  }

  TempFolder folder_;
};

TEST_F(ClockJumpTest, ASweepGoesThroughEveryJumpWithTheSameFile) {
  const auto daemon = started();
  const auto id = daemon->tune(six_tiles(), true);
  const auto later = daemon->tune(six_tiles(), false);
  const std::int64_t since_1970 = schema::now().ms / 1000;
  std::int64_t trials = 4;
  for (const std::int64_t back : {k_day, -10 * k_year, 30 * k_year, since_1970 - 60, -200 * k_year, 0L}) {
    expect_sensible(daemon->wait_for_trials(id, trials += 4));
    set_clock_back_by(back);
    const auto health = daemon->get("/healthz");
    EXPECT_EQ(health.status, 200);
    EXPECT_GE(health.json()["uptime_s"], 0) << health.body;
    EXPECT_LT(health.json()["uptime_s"], 600) << health.body;
  }
  for (const auto sweep : {id, later}) {
    const json view = daemon->wait_for(sweep, {"done", "failed", "paused"});
    EXPECT_EQ(view["state"], "done") << view.dump() << daemon->log();
    EXPECT_EQ(view["trials"]["by_status"], json({{"ok", six_tiles().trials()}}));
    expect_sensible(view);
  }
  EXPECT_EQ(best_of(daemon->sweep(id)), best_of(daemon->sweep(later)));
  EXPECT_EQ(daemon->get("/db/check").json()["findings"], json::array());
}

TEST_F(ClockJumpTest, RowsAndSweepsKeepTheOrderInWhichTheyWereMade) {
  const auto daemon = started();
  std::vector<std::int64_t> ids;
  for (const std::int64_t back : {0L, 20 * k_year, -20 * k_year, k_day}) {
    set_clock_back_by(back);
    ids.push_back(daemon->tune(six_tiles(), false));
    EXPECT_EQ(daemon->wait_for(ids.back(), {"done", "failed"})["state"], "done");
  }
  expect_year(*daemon, schema::to_text(schema::Timestamp{schema::now().ms - k_day * 1000}).substr(0, 4));
  set_clock_back_by(-200 * k_year);
  expect_year(*daemon, "22");
  std::vector<std::int64_t> listed;
  const json sweeps = daemon->get("/sweeps").json();
  for (const auto& sweep : sweeps["items"]) listed.push_back(sweep["id"]);
  EXPECT_TRUE(std::ranges::is_sorted(listed));
  EXPECT_EQ(listed.size(), ids.size() + 2);
  for (const auto id : listed) EXPECT_EQ(daemon->wait_for(id, {"done", "failed"})["state"], "done");

  std::set<std::string> moments;
  std::vector<std::string> labels;
  std::string after;
  do {
    const json page = daemon->get("/trials?limit=17" + after).json();
    for (const json& row : page["items"]) {
      moments.insert(row["measured_at"].get<std::string>().substr(0, 4));
      const auto label = row["sweep"].get<std::string>();
      if (labels.empty() || labels.back() != label) labels.push_back(label);
    }
    after = page["next"].is_null() ? "" : "&after=" + page["next"].dump();
  } while (!after.empty());
  EXPECT_EQ(labels.size(), listed.size()) << "the rows of a sweep stand together, whatever the clock said";
  EXPECT_GE(moments.size(), 4U);
}

TEST_F(ClockJumpTest, AJumpAheadIsNoIdleTimeAndNoTimeout) {
  const auto daemon = started({"--exit-when-idle", "60", "--compile-time-limit", "30", "--measure-time-limit", "30"});
  const auto id = daemon->tune(six_tiles(), true);
  daemon->wait_for_trials(id, 2);
  set_clock_back_by(-k_year);
  const json view = daemon->wait_for(id, {"done", "failed", "paused"});
  EXPECT_EQ(view["trials"]["by_status"], json({{"ok", six_tiles().trials()}})) << view.dump() << daemon->log();
  EXPECT_EQ(daemon->get("/healthz").status, 200);
  EXPECT_EQ(daemon->terminate(), 0);
}

}  // namespace
}  // namespace moetune::e2e
