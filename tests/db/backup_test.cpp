#include <sys/stat.h>

#include <fstream>
#include <future>

#include "db/maintenance.hpp"
#include "db/trial_listing.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

class BackupTest : public StoreTest {
 protected:
  std::filesystem::path target() const { return restored_.path() / "results.db"; }
  Result<void> backup(Overwrite overwrite = Overwrite::no) { return database().backup(target(), overwrite); }
  std::int64_t rows_in_backup() {
    const CheckReport report = must(check_database(restored_.path()));
    EXPECT_EQ(report.findings, std::vector<std::string>{});
    return report.trials;
  }
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(restored_.path())) ++count;
    return count;
  }

  TemporaryFolder restored_;
};

TEST_F(BackupTest, CopiesTheDatabaseAsItIs) {
  const std::int64_t id = new_sweep();
  record(id, ok_trial(1, 0, 10));
  must(backup());
  record(id, ok_trial(1, 1, 10));
  EXPECT_EQ(files(), 1U);
  struct stat status{};
  ASSERT_EQ(::stat(target().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(rows_in_backup(), 1);
  const auto copy = open_or_throw(restored_.path());
  EXPECT_EQ(copy->uuid(), database().uuid());
  EXPECT_TRUE(copy->write([](Transaction& transaction) { return create_sweep(transaction, example_spec()); }));
}

TEST_F(BackupTest, CopiesPairsOfTiles) {
  schema::Trial pair = ok_trial(1, 0, 10);
  pair.config = schema::paired(example_config(0), example_config(1));
  record(new_sweep(), pair);
  must(backup());
  EXPECT_EQ(rows_in_backup(), 1);
  const auto copy = open_or_throw(restored_.path());
  const auto rows = must(copy->read([](Snapshot& snapshot) { return list_trials(snapshot, {}, std::nullopt, 10); }));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].trial.config, pair.config);
}

TEST_F(BackupTest, OverwritesOnlyWhenAsked) {
  std::ofstream(target()) << "precious";
  const auto refused = backup();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_NE(refused.error().message.find(target().string()), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(target()), 8U);
  must(backup(Overwrite::yes));
  EXPECT_EQ(rows_in_backup(), 0);
}

TEST_F(BackupTest, SaysWhyItCannotWrite) {
  const auto refused = database().backup(restored_.path() / "none" / "copy.db", Overwrite::no);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_NE(refused.error().message.find("none"), std::string::npos) << refused.error().message;
  EXPECT_EQ(files(), 0U);
}

TEST_F(BackupTest, CopiesOneMomentWhileOthersWrite) {
  // Every transaction adds two rows: a copy with an odd number would have torn one apart.
  const std::int64_t id = new_sweep();
  std::atomic<bool> stop = false;
  auto writing = std::async(std::launch::async, [&] {
    for (int config = 0; !stop && config < 1000; ++config) {
      write([&](Transaction& transaction) -> Result<void> {
        must(record_trial(transaction, id, ok_trial(1, config, 10)));
        must(record_trial(transaction, id, ok_trial(16, config, 10)));
        return {};
      });
    }
  });
  for (int i = 0; i < 5; ++i) {
    must(backup(Overwrite::yes));
    EXPECT_EQ(rows_in_backup() % 2, 0);
  }
  stop = true;
  writing.get();
}

}  // namespace
}  // namespace moetune::db
