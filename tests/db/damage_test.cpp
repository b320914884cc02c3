#include <fmt/format.h>

#include <fstream>
#include <set>

#include "db/checksum_vfs.hpp"
#include "db/connection.hpp"
#include "db/maintenance.hpp"
#include "tests/db/database_image.hpp"
#include "tests/db/example_content.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

/// A small database with something in every table, and what it answers.
class DamageTest : public StoreTest {
 protected:
  void SetUp() override { must(fill_with_examples(database())); }

  /// Lays an altered image down and reads it: refused with a reason, or the same as ever.
  void expect_refused_or_right(const DatabaseImage& image, const std::string& right, const std::string& what) {
    image.lay_down(copy_.path());
    const auto answer = read_back(copy_.path());
    if (answer) {
      ++read_right_;
      EXPECT_EQ(*answer, right) << what;
      return;
    }
    ++refused_;
    EXPECT_EQ(answer.error().code, ErrorCode::data_damaged) << what << ": " << answer.error().message;
    EXPECT_NE(answer.error().message.find("results.db"), std::string::npos) << answer.error().message;
  }

  std::size_t free_pages(const DatabaseImage& image) {
    image.lay_down(copy_.path());
    Connection connection({.path = database_path(copy_.path()), .mode = OpenMode::write});
    return static_cast<std::size_t>(connection.integer("PRAGMA freelist_count"));
  }

  TemporaryFolder copy_;
  int refused_ = 0;
  int read_right_ = 0;
};

TEST_F(DamageTest, AFlippedBitInAnyPageIsRefusedOrReadRight) {
  close();
  const DatabaseImage image = DatabaseImage::of(data_dir());
  ASSERT_EQ(image.log, "");
  image.lay_down(copy_.path());
  const std::string right = must(read_back(copy_.path()));
  const std::size_t pages = image.file.size() / k_page_bytes;
  ASSERT_GT(pages, 40U);
  std::set<std::size_t> missed_by_check;
  for (std::size_t page = 0; page < pages; ++page) {
    for (std::size_t place : {0UL, 19UL, 97UL, 1031UL, 4087UL, 4090UL}) {
      DatabaseImage damaged = image;
      damaged.file[page * k_page_bytes + place] ^= static_cast<char>(1 << (page + place) % 8);
      expect_refused_or_right(damaged, right, fmt::format("page {} byte {}", page + 1, place));
      if (place >= 1031) {
        const auto report = check_database(copy_.path());
        if (report && report->findings.empty()) missed_by_check.insert(page + 1);
      }
    }
  }
  std::cout << pages << " pages, " << refused_ << " refused, " << read_right_ << " read right\n";
  EXPECT_GT(refused_, 0);
  // Of free pages only those that list others are read.
  EXPECT_LE(missed_by_check.size(), free_pages(image));
}

TEST_F(DamageTest, AFileThatWasCutOffIsRefused) {
  close();
  const DatabaseImage image = DatabaseImage::of(data_dir());
  for (std::size_t size = 1; size < image.file.size(); size += 3001) {
    DatabaseImage damaged = image;
    damaged.file.resize(size);
    damaged.lay_down(copy_.path());
    const auto answer = read_back(copy_.path());
    ASSERT_FALSE(answer) << "cut to " << size;
    EXPECT_EQ(answer.error().code, ErrorCode::data_damaged) << answer.error().message;
  }
}

TEST_F(DamageTest, PagesThatTradedPlacesOrBecameBlankAreRefused) {
  close();
  const DatabaseImage image = DatabaseImage::of(data_dir());
  image.lay_down(copy_.path());
  const std::string right = must(read_back(copy_.path()));
  const std::size_t pages = image.file.size() / k_page_bytes;
  for (std::size_t page = 1; page + 1 < pages; ++page) {
    const std::size_t at = page * k_page_bytes;
    DatabaseImage swapped = image;
    swapped.file.replace(at, k_page_bytes, image.file, at + k_page_bytes, k_page_bytes);
    swapped.file.replace(at + k_page_bytes, k_page_bytes, image.file, at, k_page_bytes);
    expect_refused_or_right(swapped, right, fmt::format("page {} swapped", page + 1));
    DatabaseImage blank = image;
    blank.file.replace(at, k_page_bytes, k_page_bytes, '\0');
    expect_refused_or_right(blank, right, fmt::format("page {} blank", page + 1));
  }
  EXPECT_GT(refused_, 0);
}

TEST_F(DamageTest, AnEmptiedFileBesideItsLogIsRefused) {
  DatabaseImage image = DatabaseImage::of(data_dir());
  ASSERT_NE(image.log, "");
  image.file.clear();
  image.lay_down(copy_.path());
  auto answer = read_back(copy_.path());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::data_damaged);
  EXPECT_EQ(DatabaseImage::of(copy_.path()).log, image.log);
  std::filesystem::remove(database_path(copy_.path()));
  answer = read_back(copy_.path());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::data_damaged);
}

TEST_F(DamageTest, AForeignProgramThatFoldsTheLogInDoesNoHarm) {
  const std::string right = must(everything_in(database()));
  DatabaseImage::of(data_dir()).lay_down(copy_.path());
  close();
  const std::string command =
      fmt::format("sqlite3 '{}' 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null", database_path(copy_.path()).string());
  if (std::system("command -v sqlite3 >/dev/null") != 0) GTEST_SKIP() << "no sqlite3 shell here";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(must(read_back(copy_.path())), right);
}

/// A log of several transactions: what the database answered after each, and where it ended.
class LogDamageTest : public DamageTest {
 protected:
  void SetUp() override {
    DamageTest::SetUp();
    reopen();  // folds the log in
    const std::int64_t id = new_sweep();
    note();
    for (int step = 0; step < 6; ++step) {
      write([&](Transaction& transaction) -> Result<void> {
        for (int config = 0; config < 5; ++config)
          must(record_trial(transaction, id, ok_trial(8 + step, config, 5 + step)));
        return {};
      });
      note();
    }
    image_ = DatabaseImage::of(data_dir());
    ASSERT_EQ(image_.log.size(), ends_.back());
  }
  void note() {
    answers_.push_back(must(everything_in(database())));
    ends_.push_back(DatabaseImage::of(data_dir()).log.size());
  }
  /// The last transaction that ends within the first `size` bytes; -1: none of them.
  int transaction_within(std::size_t size) const {
    int last = -1;
    for (std::size_t i = 0; i < ends_.size() && ends_[i] <= size; ++i) last = static_cast<int>(i);
    return last;
  }

  DatabaseImage image_;
  std::vector<std::string> answers_;
  std::vector<std::size_t> ends_;
};

TEST_F(LogDamageTest, ALogThatWasCutOffEndsWithItsLastWholeTransaction) {
  for (std::size_t size = 33; size <= image_.log.size(); size += 1021) {
    DatabaseImage damaged = image_;
    damaged.log.resize(size);
    damaged.lay_down(copy_.path());
    const auto answer = read_back(copy_.path());
    ASSERT_TRUE(answer) << size << ": " << answer.error().message;
    const int expected = transaction_within(size);
    if (expected >= 0) {
      EXPECT_EQ(*answer, answers_[static_cast<std::size_t>(expected)]) << "cut to " << size;
    }
  }
}

TEST_F(LogDamageTest, AFlippedBitIsRefusedUnlessOnlyTheLastTransactionHasIt) {
  const std::size_t last = answers_.size() - 1;
  for (std::size_t at = 0; at < image_.log.size(); at += 397) {
    DatabaseImage damaged = image_;
    damaged.log[at] ^= static_cast<char>(1 << at % 8);
    damaged.lay_down(copy_.path());
    const auto answer = read_back(copy_.path());
    if (!answer) {
      ++refused_;
      EXPECT_EQ(answer.error().code, ErrorCode::data_damaged) << answer.error().message;
      EXPECT_NE(answer.error().message.find("results.db-wal"), std::string::npos) << answer.error().message;
      continue;
    }
    ++read_right_;
    // The end of the log cannot be told from a commit that a power loss tore.
    const bool at_the_end = at >= ends_[last - 1];
    EXPECT_TRUE(*answer == answers_[last] || (at_the_end && *answer == answers_[last - 1])) << "byte " << at;
  }
  std::cout << refused_ << " refused, " << read_right_ << " read right\n";
  EXPECT_GT(refused_, 0);
}

TEST_F(LogDamageTest, RubbishInTheIndexOfTheLogIsRebuilt) {
  image_.lay_down(copy_.path());
  std::ofstream(database_path(copy_.path()).string() + "-shm", std::ios::binary) << std::string(32768, '\x5A');
  EXPECT_EQ(must(read_back(copy_.path())), answers_.back());
}

TEST_F(LogDamageTest, AReaderWithoutADaemonRefusesADamagedLogToo) {
  DatabaseImage damaged = image_;
  damaged.log[ends_[1] + 100] ^= 1;
  damaged.lay_down(copy_.path());
  const auto opened = Database::open(copy_.path(), Access::read_only);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::data_damaged);
}

}  // namespace
}  // namespace moetune::db
