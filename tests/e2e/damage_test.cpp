// Files of the real daemon are damaged while it is down.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"
#include "tests/file_bytes.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

class DamageTest : public testing::Test {
 protected:
  std::filesystem::path data() const { return folder_.path() / "data"; }
  std::filesystem::path cache() const { return folder_.path() / "cache"; }
  std::unique_ptr<RunningDaemon> started() const {
    return std::make_unique<RunningDaemon>(
        RunningDaemon::Options{.data_dir = data(), .cache_dir = cache(), .arguments = {"--compile-jobs", "2"}});
  }
  static std::string exported(const RunningDaemon& daemon) {
    return daemon.get("/export?E=8&N=256&kernel=cuda&allow_recorded=1").body;
  }
  /// Runs the small problem to its end and returns the last view.
  static json finished(const RunningDaemon& daemon, bool compile) {
    json view = daemon.wait_for(daemon.tune(small_problem(), compile), {"done", "failed", "paused"});
    EXPECT_EQ(view["state"], "done") << view.dump() << daemon.log();
    EXPECT_EQ(view["trials"]["by_status"], json({{"ok", small_problem().trials()}})) << view.dump();
    return view;
  }

  TempFolder folder_;
};

class CacheDamageTest : public DamageTest {
 protected:
  std::vector<std::filesystem::path> artifacts() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache() / "artifacts")) {
      if (entry.path().extension() == ".art") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
  }
};

TEST_F(CacheDamageTest, ARerunCompilesExactlyWhatWasDamaged) {
  std::string expected;
  {
    const auto daemon = started();
    finished(*daemon, true);
    expected = exported(*daemon);
    EXPECT_EQ(daemon->terminate(), 0);
  }
  const auto files = artifacts();
  ASSERT_EQ(files.size(), small_problem().tiles());
  const std::vector<std::function<void(std::string&)>> damages = {
      [](std::string& bytes) { bytes.clear(); },
      [](std::string& bytes) { bytes.resize(1); },
      [](std::string& bytes) { bytes.resize(bytes.size() / 2); },
      [](std::string& bytes) { bytes.pop_back(); },
      [](std::string& bytes) { bytes.front() ^= 1; },
      [](std::string& bytes) { bytes[bytes.size() / 3] ^= 16; },
      [](std::string& bytes) { bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]); },
      [](std::string& bytes) { bytes.back() ^= static_cast<char>(128); },
  };
  ASSERT_LT(damages.size(), files.size());
  for (std::size_t i = 0; i < damages.size(); ++i) {
    std::string bytes = file_bytes(files[i]);
    damages[i](bytes);
    write_bytes(files[i], bytes);
  }
  const auto whole = files.size() - damages.size();
  {
    const auto daemon = started();
    const json view = finished(*daemon, true);
    EXPECT_EQ(view["compiles"], json({{"done", damages.size()}, {"cached", whole}, {"failed", 0}}));
    EXPECT_EQ(exported(*daemon), expected);
    EXPECT_EQ(daemon->get("/cache").json()["damaged"], damages.size());
  }
  write_bytes(cache() / "index.db", file_bytes(cache() / "index.db").substr(0, 5000) + "rubbish");
  const auto daemon = started();
  EXPECT_EQ(finished(*daemon, true)["compiles"], json({{"done", 0}, {"cached", files.size()}, {"failed", 0}}));
  EXPECT_EQ(exported(*daemon), expected);
}

class DatabaseDamageTest : public DamageTest {
 protected:
  std::filesystem::path database() const { return data() / "results.db"; }
  std::filesystem::path log() const { return data() / "results.db-wal"; }

  /// Both programs refuse what lies there, say which file it is, and leave it as it is.
  void expect_refused(const std::string& what, const std::string& name) const {
    const std::string before = file_bytes(database());
    const auto daemon = run_program({executable("moetuned"), "--data-dir", data().string(), "--cache-dir",
                                     cache().string(), "--listen", "127.0.0.1:0", "--exit-when-idle", "0"});
    EXPECT_EQ(daemon.status, 1) << what << ": " << daemon.err;
    EXPECT_EQ(daemon.out, "") << what;
    EXPECT_THAT(daemon.err, HasSubstr((data() / name).string())) << what;
    const auto check = run_program({executable("moetune"), "--data-dir", data().string(), "db", "check"});
    EXPECT_EQ(check.status, 1) << what << ": " << check.out;
    EXPECT_THAT(check.out + check.err, HasSubstr(name)) << what;
    EXPECT_EQ(file_bytes(database()), before) << what;
  }
};

TEST_F(DatabaseDamageTest, ADamagedDatabaseIsRefusedWithTheReasonAndStaysAsItIs) {
  json rows;
  {
    const auto daemon = started();
    finished(*daemon, false);
    rows = daemon->get("/trials?limit=1000").json();
    EXPECT_EQ(daemon->terminate(), 0);
  }
  const std::string whole = file_bytes(database());
  ASSERT_GT(whole.size(), 16'384U);
  const auto damaged = [&](const std::string& what, const std::function<void(std::string&)>& damage) {
    std::string bytes = whole;
    damage(bytes);
    write_bytes(database(), bytes);
    expect_refused(what, "results.db");
  };
  damaged("cut in the middle of a page", [](std::string& bytes) { bytes.resize(bytes.size() / 2 + 100); });
  damaged("another file's header", [](std::string& bytes) { bytes.replace(0, 16, "not a database!!"); });
  damaged("a flipped bit in the schema", [](std::string& bytes) { bytes[3000] ^= 4; });
  damaged("empty", [](std::string& bytes) { bytes.resize(50); });
  write_bytes(database(), whole);
  const auto daemon = started();
  EXPECT_EQ(daemon->get("/trials?limit=1000").json(), rows);
}

TEST_F(DatabaseDamageTest, ADamagedLogIsRefusedWithTheReasonAndStaysAsItIs) {
  json rows;
  {
    const auto daemon = started();
    finished(*daemon, false);
    rows = daemon->get("/trials?limit=1000").json();
    daemon->kill();
  }
  const std::string file = file_bytes(database());
  const std::string whole = file_bytes(log());
  ASSERT_GT(whole.size(), 16'384U);
  std::string bytes = whole;
  bytes[bytes.size() / 3] ^= 8;
  write_bytes(log(), bytes);
  expect_refused("a flipped bit in the log", "results.db-wal");
  write_bytes(database(), "");
  write_bytes(log(), whole);
  expect_refused("an emptied database beside its log", "results.db");
  write_bytes(database(), file);
  write_bytes(log(), whole);
  const auto daemon = started();
  EXPECT_EQ(daemon->get("/trials?limit=1000").json(), rows);
}

class EarlierDatabaseTest : public DatabaseDamageTest, public testing::WithParamInterface<const char*> {};

TEST_P(EarlierDatabaseTest, ServesItsRowsAndTakesNewOnes) {
  std::filesystem::create_directories(data());
  std::filesystem::copy_file(std::filesystem::path(MOETUNE_DB_FIXTURES) / GetParam(), database());
  const auto daemon = started();
  daemon->post("/sweeps/3/cancel");  // it was unfinished when the file was made, and needs a GPU
  const std::string lines = daemon->get("/trials?format=jsonl&discarded=1").body;
  EXPECT_EQ(std::ranges::count(lines, '\n'), 304);
  for (std::istringstream stream(lines); !stream.eof();) {
    std::string line;
    if (!std::getline(stream, line)) break;
    EXPECT_TRUE(schema::trial_from_line(line)) << line;
  }
  const auto problems = daemon->get("/problems").json()["items"];
  ASSERT_FALSE(problems.empty());
  const auto known = daemon->get(fmt::format("/best?E={}&N={}", problems[0]["E"].dump(), problems[0]["N"].dump()));
  EXPECT_EQ(known.status, 200) << known.body;
  const json view = finished(*daemon, false);
  EXPECT_EQ(view["id"], 4);
  EXPECT_EQ(daemon->terminate(), 0);
  const auto check = run_program({executable("moetune"), "--data-dir", data().string(), "db", "check"});
  EXPECT_EQ(check.status, 0) << check.out << check.err;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, EarlierDatabaseTest, testing::Values("v1.db", "v2.db", "v4.db", "v5.db"),
                         [](const auto& version) { return std::string(version.param).substr(0, 2); });

}  // namespace
}  // namespace moetune::e2e
