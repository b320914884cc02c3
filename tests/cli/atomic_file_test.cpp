#include "cli/atomic_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

class AtomicFileTest : public testing::Test {
 protected:
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_.path())) ++count;
    return count;
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "result.json";
};

TEST_F(AtomicFileTest, AppearsCompleteWhenItIsCommitted) {
  auto file = AtomicFile::create(path_, Overwrite::yes);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->write("{\"1\": "));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(file->write("{}}\n"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_file(path_), "{\"1\": {}}\n");
}

TEST_F(AtomicFileTest, LeavesNothingWithoutCommit) {
  folder_.file("result.json", "old");
  {
    auto file = AtomicFile::create(path_, Overwrite::yes);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new"));
  }
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, ReplacesAFileOnlyWhenItMay) {
  folder_.file("result.json", "old");
  const auto refused = AtomicFile::create(path_, Overwrite::no);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, schema::ErrorCode::conflict);
  auto file = AtomicFile::create(path_, Overwrite::yes);
  ASSERT_TRUE(file && file->write("new") && file->commit());
  EXPECT_EQ(read_file(path_), "new");
}

class AtomicPairTest : public AtomicFileTest {
 protected:
  /// Writes "new" to both names and commits them together.
  schema::Result<void> commit_both() {
    auto first = AtomicFile::create(path_, Overwrite::yes);
    auto second = AtomicFile::create(second_, Overwrite::yes);
    EXPECT_TRUE(first && second && first->write("new") && second->write("new"));
    return AtomicFile::commit_both(*first, *second);
  }
  std::filesystem::path second_ = folder_.path() / "second.json";
};

TEST_F(AtomicPairTest, BothAppearOrReplaceWhatIsThere) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(commit_both());
    EXPECT_EQ(read_file(path_), "new");
    EXPECT_EQ(read_file(second_), "new");
    EXPECT_EQ(files(), 2U);
    folder_.file("result.json", "old");
    folder_.file("second.json", "old");
  }
}

TEST_F(AtomicPairTest, NeitherAppearsWhenTheSecondCannot) {
  std::filesystem::create_directory(second_);
  const auto refused = commit_both();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::StartsWith("cannot write " + second_.string() + ": "));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicPairTest, TheFirstStaysAsItWasWhenTheSecondCannotAppear) {
  folder_.file("result.json", "old");
  std::filesystem::create_directory(second_);
  EXPECT_FALSE(commit_both());
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_EQ(files(), 2U);
}

TEST_F(AtomicPairTest, NeitherAppearsWhenTheFirstCannot) {
  std::filesystem::create_directory(path_);
  const auto refused = commit_both();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::StartsWith("cannot write " + path_.string() + ": "));
  EXPECT_TRUE(std::filesystem::is_directory(path_));
  EXPECT_FALSE(std::filesystem::exists(second_));
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, DoesNotReplaceWhatAppearedMeanwhile) {
  auto file = AtomicFile::create(path_, Overwrite::no);
  ASSERT_TRUE(file && file->write("mine"));
  folder_.file("result.json", "theirs");
  EXPECT_FALSE(file->commit());
  EXPECT_EQ(read_file(path_), "theirs");
}

TEST_F(AtomicFileTest, LeavesOneFileWithTheUsualMode) {
  {
    auto file = AtomicFile::create(path_, Overwrite::no);
    ASSERT_TRUE(file && file->write("x") && file->commit());
  }
  EXPECT_EQ(files(), 1U);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  struct stat facts{};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0666 & ~mask);
}

TEST_F(AtomicFileTest, TakesTheLongestNames) {
  const auto longest = folder_.path() / std::string(255, 'n');
  auto file = AtomicFile::create(longest, Overwrite::yes);
  EXPECT_TRUE(file && file->write("x") && file->commit());
}

TEST_F(AtomicFileTest, NamesThePathThatCannotBeWritten) {
  const auto file = AtomicFile::create(folder_.path() / "no" / "such", Overwrite::yes);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, schema::ErrorCode::io);
  EXPECT_THAT(file.error().message, testing::HasSubstr("no/such"));
}

}  // namespace
}  // namespace moetune::cli
