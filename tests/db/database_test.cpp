#include "db/database.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <mutex>

#include "db/connection.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using std::chrono::milliseconds;

class DatabaseTest : public StoreTest {
 protected:
  Error refusal(Access access = Access::read_write) {
    const auto opened = Database::open(data_dir(), access);
    if (opened) return {ErrorCode::internal, "it was opened", nullptr};
    return opened.error();
  }
  std::size_t sweeps() {
    return read([](Snapshot& snapshot) { return list_sweeps(snapshot, std::nullopt, 1000); }).size();
  }
  Result<std::int64_t> try_sweep(milliseconds patience) {
    return database().write([](Transaction& transaction) { return create_sweep(transaction, example_spec()); },
                            patience);
  }
};

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

TEST_F(DatabaseTest, MakesAFolderForThisUserAlone) {
  EXPECT_EQ(mode_of(data_dir()), 0700U);
  EXPECT_EQ(mode_of(database().path()), 0600U);
  EXPECT_EQ(mode_of(database().path().string() + "-wal"), 0600U);
  EXPECT_EQ(database().path(), data_dir() / "results.db");
}

TEST_F(DatabaseTest, KeepsItsUuidAndRows) {
  const std::string uuid = database().uuid();
  EXPECT_EQ(uuid.size(), 32U);
  const std::int64_t id = new_sweep();
  reopen();
  EXPECT_EQ(database().uuid(), uuid);
  EXPECT_EQ(sweep(id).label, uuid.substr(0, 8) + "-1");
  TemporaryFolder other;
  EXPECT_NE(open_or_throw(other.path())->uuid(), uuid);
}

TEST_F(DatabaseTest, FoldsItsLogInWhenItIsClosed) {
  new_sweep();
  close();
  EXPECT_FALSE(std::filesystem::exists(database_path(data_dir()).string() + "-wal"));
}

TEST_F(DatabaseTest, RefusesASecondWriterAndNamesTheFirst) {
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::conflict);
  EXPECT_NE(error.message.find(data_dir().string()), std::string::npos) << error.message;
  EXPECT_NE(error.message.find(std::to_string(::getpid())), std::string::npos) << error.message;
  EXPECT_EQ(error.detail.at("pid"), ::getpid());
  close();
  EXPECT_TRUE(Database::open(data_dir(), Access::read_write));
}

TEST_F(DatabaseTest, ReadsBesideAWriter) {
  const auto reader = open_or_throw(data_dir(), Access::read_only);
  const std::int64_t id = new_sweep();
  const auto seen = reader->read([&](Snapshot& snapshot) { return find_sweep(snapshot, id); });
  ASSERT_TRUE(seen) << seen.error().message;
  const auto written =
      reader->write([](Transaction& transaction) { return create_sweep(transaction, example_spec()); });
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::forbidden);
}

TEST_F(DatabaseTest, ReadsWithoutAWriterAndLeavesNothingBehind) {
  const std::int64_t id = new_sweep();
  close();
  {
    const auto reader = open_or_throw(data_dir(), Access::read_only);
    EXPECT_TRUE(reader->read([&](Snapshot& snapshot) { return find_sweep(snapshot, id); }));
  }
  reopen();
  EXPECT_EQ(sweeps(), 1U);
}

TEST_F(DatabaseTest, SaysThatThereIsNothingToRead) {
  TemporaryFolder empty;
  const auto opened = Database::open(empty.path() / "none", Access::read_only);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(empty.path() / "none"));
}

TEST_F(DatabaseTest, RefusesANewerDatabase) {
  ASSERT_EQ(raw("PRAGMA user_version = 99"), "");
  close();
  for (const Access access : {Access::read_write, Access::read_only}) {
    const Error error = refusal(access);
    EXPECT_EQ(error.code, ErrorCode::conflict);
    EXPECT_NE(error.message.find("newer"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("99"), std::string::npos) << error.message;
  }
}

TEST_F(DatabaseTest, RefusesADatabaseOfSomebodyElse) {
  ASSERT_EQ(raw("PRAGMA application_id = 7"), "");
  close();
  EXPECT_EQ(refusal().code, ErrorCode::data_damaged);
  EXPECT_EQ(refusal(Access::read_only).code, ErrorCode::data_damaged);
}

TEST_F(DatabaseTest, RefusesFilesThatAreNoDatabaseAndLeavesThemAlone) {
  close();
  const std::string text =
      "the user's notes, long enough to be looked at as a header of one hundred bytes. " + std::string(5000, 'x');
  std::ofstream(database_path(data_dir()), std::ios::trunc) << text;
  EXPECT_EQ(refusal().code, ErrorCode::data_damaged);
  EXPECT_EQ(refusal(Access::read_only).code, ErrorCode::data_damaged);
  std::ifstream in(database_path(data_dir()));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text);
}

TEST_F(DatabaseTest, RefusesAlteredTables) {
  ASSERT_EQ(raw("DROP TRIGGER trials_stay"), "");
  close();
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::data_damaged);
  EXPECT_NE(error.message.find("tables"), std::string::npos) << error.message;
}

TEST_F(DatabaseTest, UndoesEverythingWhenTheClosureFails) {
  const auto failed = database().write([](Transaction& transaction) -> Result<void> {
    must(create_sweep(transaction, example_spec()));
    return schema::fail(ErrorCode::conflict, "changed my mind");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "changed my mind");
  EXPECT_EQ(sweeps(), 0U);
}

TEST_F(DatabaseTest, UndoesEverythingWhenTheClosureThrows) {
  EXPECT_THROW((void)database().write([](Transaction& transaction) -> Result<void> {
    must(create_sweep(transaction, example_spec()));
    throw std::runtime_error("out of luck");
  }),
               std::runtime_error);
  EXPECT_EQ(sweeps(), 0U);
  new_sweep();
  EXPECT_EQ(sweeps(), 1U);
}

TEST_F(DatabaseTest, DoesNotCommitAfterAFailureThatTheClosureIgnored) {
  const auto done = database().write([](Transaction& transaction) -> Result<void> {
    must(create_sweep(transaction, example_spec()));
    (void)guarded([&]() -> Result<void> {
      transaction.connection().execute("INSERT INTO sweeps (state) VALUES ('nonsense')");
      return {};
    });
    return {};
  });
  EXPECT_FALSE(done);
  EXPECT_EQ(sweeps(), 0U);
}

TEST_F(DatabaseTest, CountsItsCommits) {
  const std::uint64_t before = database().generation();
  new_sweep();
  EXPECT_EQ(database().generation(), before + 1);
  (void)database().write([](Transaction&) -> Result<void> { return schema::fail(ErrorCode::conflict, "no"); });
  sweeps();
  EXPECT_EQ(database().generation(), before + 1);
}

TEST_F(DatabaseTest, ShowsOneMomentToAReader) {
  const auto seen = read([&](Snapshot& snapshot) -> Result<std::pair<std::size_t, std::size_t>> {
    const std::size_t first = must(list_sweeps(snapshot, std::nullopt, 10)).size();
    new_sweep();
    return std::pair(first, must(list_sweeps(snapshot, std::nullopt, 10)).size());
  });
  EXPECT_EQ(seen, std::pair(std::size_t{0}, std::size_t{0}));
  EXPECT_EQ(sweeps(), 1U);
}

TEST_F(DatabaseTest, GivesUpOnABusyDatabaseAtTheDeadlineAndWorksAfterwards) {
  Connection intruder({.path = database().path(), .mode = OpenMode::write});
  intruder.execute("BEGIN IMMEDIATE");
  const auto refused = try_sweep(milliseconds(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  intruder.execute("ROLLBACK");
  EXPECT_TRUE(try_sweep(milliseconds(1)));
}

TEST_F(DatabaseTest, WaitsForABusyDatabase) {
  Connection intruder({.path = database().path(), .mode = OpenMode::write});
  intruder.execute("BEGIN IMMEDIATE");
  // Longer than SQLite itself waits: the closure is tried again.
  auto waiting = std::async(std::launch::async, [&] { return try_sweep(milliseconds(60'000)); });
  EXPECT_EQ(waiting.wait_for(milliseconds(500)), std::future_status::timeout);
  intruder.execute("COMMIT");
  EXPECT_TRUE(waiting.get());
}

TEST_F(DatabaseTest, ServesManyThreadsAtOnce) {
  constexpr int k_threads = 8;
  constexpr int k_each = 20;
  std::vector<std::future<std::size_t>> workers;
  for (int thread = 0; thread < k_threads; ++thread) {
    workers.push_back(std::async(std::launch::async, [&] {
      std::size_t seen = 0;
      for (int i = 0; i < k_each; ++i) {
        new_sweep();
        seen = sweeps();
      }
      return seen;
    }));
  }
  for (auto& worker : workers) EXPECT_GE(worker.get(), std::size_t{k_each});
  EXPECT_EQ(sweeps(), std::size_t{k_threads * k_each});
}

}  // namespace
}  // namespace moetune::db
