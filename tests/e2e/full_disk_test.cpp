// The disk fills up under the real daemon, folder by folder, in the middle of a sweep.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <thread>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"
#include "tests/e2e/small_disk.hpp"
#include "tests/file_bytes.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t k_disk = 48 << 20;
constexpr auto k_patience = std::chrono::seconds(60);

class FullDiskTest : public testing::Test {
 protected:
  std::filesystem::path data() const { return folder_.path() / "data"; }
  std::filesystem::path cache() const { return folder_.path() / "cache"; }

  /// A small disk in the place of a folder; the test is skipped where none can be had.
  void put_disk(const std::filesystem::path& folder) {
    std::string why;
    disk_ = SmallDisk::mount(folder, k_disk, why);
    if (!disk_) GTEST_SKIP() << why;
  }
  /// Another one that stays empty enough.
  void put_spare_disk(const std::filesystem::path& folder) {
    std::string why;
    spare_disk_ = SmallDisk::mount(folder, k_disk, why);
    ASSERT_TRUE(spare_disk_) << why;
  }
  std::unique_ptr<RunningDaemon> started() const {
    return std::make_unique<RunningDaemon>(
        RunningDaemon::Options{.data_dir = data(), .cache_dir = cache(), .arguments = {"--compile-jobs", "1"}});
  }
  /// A start that must fail.
  Finished refused_start() const {
    return run_program({executable("moetuned"), "--data-dir", data().string(), "--cache-dir", cache().string(),
                        "--listen", "127.0.0.1:0", "--exit-when-idle", "0"});
  }

  static std::string exported(const RunningDaemon& daemon) {
    return daemon.get("/export?E=8&N=256&kernel=cuda&allow_recorded=1").body;
  }
  /// What an undisturbed run exports.
  std::string expected_export() const {
    const RunningDaemon daemon({.data_dir = folder_.path() / "other", .cache_dir = folder_.path() / "other_cache"});
    daemon.wait_for(daemon.tune(six_tiles(), false), {"done"});
    return exported(daemon);
  }
  static json rows(const RunningDaemon& daemon) { return daemon.get("/trials?limit=1000").json()["items"]; }

  /// Polls until the sweep says why it does not go on.
  static json wait_for_reason(const RunningDaemon& daemon, std::int64_t id) {
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    for (;;) {
      json view = daemon.sweep(id);
      if (view.is_object() && view["error"].is_string()) return view;
      if (std::chrono::steady_clock::now() > deadline) return view;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  /// Polls until an answer has that text.
  static void wait_for_answer(const RunningDaemon& daemon, const std::string& path, const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    while (daemon.get(path).body.find(text) == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << text << "\n" << daemon.get(path).body << daemon.log();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  /// The sweep is done with every row that was there before, none of them failed, and the right file.
  void expect_complete(const RunningDaemon& daemon, std::int64_t id, const json& before) {
    const json view = daemon.wait_for(id, {"done", "failed", "paused"});
    EXPECT_EQ(view["state"], "done") << view.dump() << daemon.log();
    EXPECT_TRUE(view["error"].is_null()) << view.dump();
    EXPECT_EQ(view["trials"]["by_status"], json({{"ok", six_tiles().trials()}}));
    const json after = rows(daemon);
    ASSERT_EQ(after.size(), six_tiles().trials());
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i], before[i]) << "row " << i;
    EXPECT_EQ(exported(daemon), expected_export());
    EXPECT_EQ(daemon.get("/db/check").json()["findings"], json::array());
  }

  TempFolder folder_;
  std::unique_ptr<SmallDisk> disk_;
  std::unique_ptr<SmallDisk> spare_disk_;  ///< may lie within the other
};

TEST_F(FullDiskTest, TheDatabaseWaitsForSpaceAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(put_disk(data()));
  if (!disk_) return;
  put_spare_disk(data() / "scratch");
  const auto daemon = started();
  const auto id = daemon->tune(six_tiles(), true);
  daemon->wait_for_trials(id, 6);
  disk_->fill();
  const json waiting = wait_for_reason(*daemon, id);
  ASSERT_TRUE(waiting["error"].is_string()) << waiting.dump();
  EXPECT_EQ(waiting["state"], "running");
  EXPECT_THAT(waiting["error"].get<std::string>(), HasSubstr((data() / "results.db").string()));
  const json acknowledged = rows(*daemon);
  EXPECT_GE(acknowledged.size(), 6U);
  EXPECT_LT(acknowledged.size(), six_tiles().trials());
  const auto health = daemon->get("/healthz");
  EXPECT_EQ(health.status, 200);
  EXPECT_THAT(health.json()["reasons"].dump(), HasSubstr(data().string()));
  for (const char* path : {"/best?E=8&N=256", "/sweeps", "/devices", "/cache", "/metrics"}) {
    EXPECT_EQ(daemon->get(path).status, 200) << path;
  }
  const auto paused = daemon->post(fmt::format("/sweeps/{}/pause", id));
  EXPECT_GE(paused.status, 400);
  EXPECT_THAT(paused.body, HasSubstr(data().string()));
  disk_->relieve();
  expect_complete(*daemon, id, acknowledged);
}

TEST_F(FullDiskTest, ADaemonThatIsKilledOnAFullDiskLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(put_disk(data()));
  if (!disk_) return;
  auto daemon = started();
  const auto id = daemon->tune(six_tiles(), true);
  daemon->wait_for_trials(id, 6);
  disk_->fill();
  wait_for_reason(*daemon, id);
  const json acknowledged = rows(*daemon);
  daemon->kill();
  // What the log gives back when it is folded in may be enough to start with, or not.
  const auto start = run_program({"/usr/bin/timeout", "3", executable("moetuned"), "--data-dir", data().string(),
                                  "--cache-dir", cache().string(), "--listen", "127.0.0.1:0"});
  EXPECT_THAT(start.status == 1 ? start.err : start.out,
              HasSubstr(start.status == 1 ? data().string() : "listening on "))
      << start.status << start.err;
  disk_->relieve();
  daemon = started();
  if (daemon->sweep(id)["state"] == "paused") {
    EXPECT_EQ(daemon->post(fmt::format("/sweeps/{}/resume", id)).status, 200);
  }
  expect_complete(*daemon, id, acknowledged);
}

TEST_F(FullDiskTest, UploadsImportsAndBackupsAreRefusedAndLeaveNothingBehind) {
  ASSERT_NO_FATAL_FAILURE(put_disk(data() / "uploads"));
  if (!disk_) return;
  const auto daemon = started();
  const auto id = daemon->tune(six_tiles(), true);
  daemon->wait_for_trials(id, 2);
  disk_->fill();
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(disk_->folder()), std::filesystem::directory_iterator());
  };
  const auto before = files();
  const std::string row = six_tiles().recording();
  for (const auto& [path, type] : {std::pair("/uploads", "application/octet-stream"),
                                   std::pair("/import", "application/x-ndjson"), std::pair("/db/backup", "")}) {
    const auto answer = *type == '\0' ? daemon->get(path) : daemon->post(path, row, type);
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_EQ(answer.json()["error"]["code"], "io") << path;
    EXPECT_THAT(answer.json()["error"]["message"].get<std::string>(), HasSubstr(disk_->folder().string())) << path;
  }
  EXPECT_EQ(files(), before);
  disk_->relieve();
  EXPECT_EQ(daemon->post("/uploads", row, "application/octet-stream").status, 201);
  EXPECT_EQ(daemon->get("/db/backup").status, 200);
  expect_complete(*daemon, id, json::array());
}

TEST_F(FullDiskTest, ABackupToAFullDiskLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(put_disk(folder_.path() / "elsewhere"));
  if (!disk_) return;
  const auto daemon = started();
  daemon->wait_for(daemon->tune(six_tiles(), false), {"done"});
  disk_->fill();
  const auto file = (disk_->folder() / "copy.db").string();
  const auto backup = run_program({executable("moetune"), "--data-dir", data().string(), "db", "backup", file});
  EXPECT_EQ(backup.status, 1) << backup.err;
  EXPECT_EQ(backup.out, "");
  EXPECT_THAT(backup.err, HasSubstr(disk_->folder().string()));
  const auto output = run_program({executable("moetune"), "--data-dir", data().string(), "export", "-E", "8", "-N",
                                   "256", "--kernel", "cuda", "--allow-recorded", "-o", disk_->folder().string()});
  EXPECT_EQ(output.status, 1) << output.err;
  EXPECT_THAT(output.err, HasSubstr(disk_->folder().string()));
  disk_->relieve();
  EXPECT_TRUE(std::filesystem::is_empty(disk_->folder()));
}

TEST_F(FullDiskTest, AKernelCacheWithoutSpaceCostsOnlyWhatItWouldHaveKept) {
  ASSERT_NO_FATAL_FAILURE(put_disk(cache()));
  if (!disk_) return;
  auto daemon = started();
  const auto id = daemon->tune(six_tiles(), true);
  daemon->wait_for_trials(id, 2);
  disk_->fill();
  expect_complete(*daemon, id, json::array());
  EXPECT_EQ(daemon->sweep(id)["compiles"]["done"], six_tiles().tiles());
  const auto kept = daemon->get("/cache").json()["kernels"].get<std::size_t>();
  EXPECT_LT(kept, six_tiles().tiles());
  EXPECT_EQ(daemon->terminate(), 0);
  disk_->relieve();
  daemon = started();
  const json again = daemon->wait_for(daemon->tune(six_tiles(), true), {"done", "failed"});
  EXPECT_EQ(again["state"], "done");
  EXPECT_EQ(again["compiles"]["done"].get<std::size_t>() + again["compiles"]["cached"].get<std::size_t>(),
            six_tiles().tiles());
  EXPECT_GT(again["compiles"]["done"], 0);
  EXPECT_EQ(daemon->get("/cache").json()["kernels"], six_tiles().tiles());
}

TEST_F(FullDiskTest, AScratchFolderWithoutSpacePausesTheSweepAndBlamesNobody) {
  ASSERT_NO_FATAL_FAILURE(put_disk(data() / "scratch"));
  if (!disk_) return;
  const auto daemon = started();
  const auto id = daemon->tune(six_tiles(), true);
  daemon->wait_for_trials(id, 2);
  disk_->fill();
  const json paused = daemon->wait_for(id, {"paused", "failed", "done"});
  EXPECT_EQ(paused["state"], "paused") << paused.dump();
  ASSERT_TRUE(paused["error"].is_string()) << paused.dump();
  EXPECT_THAT(paused["error"].get<std::string>(), HasSubstr(disk_->folder().string()));
  EXPECT_EQ(paused["compiles"]["failed"], 0);
  const json acknowledged = rows(*daemon);
  disk_->relieve();
  EXPECT_EQ(daemon->post(fmt::format("/sweeps/{}/resume", id)).status, 200);
  expect_complete(*daemon, id, acknowledged);
}

TEST_F(FullDiskTest, APublishedFolderWithoutSpaceWaitsAndHoldsNobodyUp) {
  const auto target = folder_.path() / "published";
  ASSERT_NO_FATAL_FAILURE(put_disk(target));
  if (!disk_) return;
  const RunningDaemon daemon({.data_dir = data(), .cache_dir = cache(), .arguments = {"--publish", target.string()}});
  wait_for_answer(daemon, "/metrics", "moetune_publish_updates_total 1");
  disk_->fill();
  auto problem = small_problem();
  problem.batches.clear();
  for (std::int64_t batch = 1; batch <= 4096; batch *= 2) problem.batches.push_back(batch);
  const std::string rows = problem.recording([](schema::Trial& row) {
    row.group.kernel = "vllm";
    row.sweep = "elsewhere-1";
  });
  ASSERT_EQ(daemon.post("/import", rows, "application/x-ndjson").status, 200);
  wait_for_answer(daemon, "/healthz", "cannot publish into " + target.string());
  const json view = daemon.wait_for(daemon.tune(six_tiles(), true), {"done", "failed", "paused"});
  EXPECT_EQ(view["state"], "done") << view.dump();
  EXPECT_THAT(daemon.get("/doctor").body, HasSubstr("No space left on device"));
  EXPECT_FALSE(std::filesystem::exists(target / "moetune.json") &&
               json::parse(file_bytes(target / "moetune.json"))["files"].size() > 0);
  disk_->relieve();
  wait_for_answer(daemon, "/metrics", "moetune_publish_files 1");
  EXPECT_THAT(daemon.get("/healthz").body, Not(HasSubstr("cannot publish")));
}

TEST_F(FullDiskTest, AReadOnlyDataFolderIsRefusedByName) {
  ASSERT_NO_FATAL_FAILURE(put_disk(data()));
  if (!disk_) return;
  auto daemon = started();
  const auto id = daemon->tune(six_tiles(), false);
  daemon->wait_for(id, {"done"});
  EXPECT_EQ(daemon->terminate(), 0);
  disk_->make_read_only();
  const auto refused = refused_start();
  EXPECT_EQ(refused.status, 1) << refused.err;
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr(data().string()));
  EXPECT_THAT(refused.err, HasSubstr("ead-only"));
}

TEST_F(FullDiskTest, AReadOnlyCacheFolderIsUsedAsItIs) {
  ASSERT_NO_FATAL_FAILURE(put_disk(cache()));
  if (!disk_) return;
  auto daemon = started();
  daemon->wait_for(daemon->tune(six_tiles(), true), {"done"});
  EXPECT_EQ(daemon->terminate(), 0);
  disk_->make_read_only();
  daemon = started();
  EXPECT_THAT(daemon->get("/healthz").json()["reasons"].dump(), HasSubstr(cache().string()));
  auto other = six_tiles();
  other.space["num_stages"] = {2, 3};
  const json view = daemon->wait_for(daemon->tune(other, true), {"done", "failed"});
  EXPECT_EQ(view["state"], "done") << view.dump();
  EXPECT_EQ(view["compiles"],
            json({{"done", other.tiles() - six_tiles().tiles()}, {"cached", six_tiles().tiles()}, {"failed", 0}}));
}

}  // namespace
}  // namespace moetune::e2e
