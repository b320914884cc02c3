#include "kernels/atomic_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/temp_file.hpp"

namespace moetune::kernels {
namespace {

namespace fs = std::filesystem;
using schema::ErrorCode;
using ::testing::HasSubstr;
using testing::TempFolder;

class AtomicFileTest : public ::testing::Test {
 protected:
  std::ptrdiff_t files() const { return std::distance(fs::directory_iterator(folder_.path()), {}); }

  TempFolder folder_;
  fs::path path_ = folder_.path() / "file";
};

TEST_F(AtomicFileTest, AppearsWithItsCommit) {
  auto file = AtomicFile::create(path_);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("one "));
  ASSERT_TRUE(file->write("two"));
  EXPECT_FALSE(fs::exists(path_));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_file(path_, 100).value(), "one two");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, LeavesNothingWithoutACommit) {
  {
    auto file = AtomicFile::create(path_);
    ASSERT_TRUE(file && file->write("half"));
    EXPECT_EQ(files(), 1);
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(AtomicFileTest, ReplacesAFileAndLeavesItWhenDropped) {
  folder_.write("file", "old");
  {
    auto dropped = AtomicFile::create(path_);
    ASSERT_TRUE(dropped && dropped->write("new"));
  }
  EXPECT_EQ(read_file(path_, 100).value(), "old");
  auto file = AtomicFile::create(path_);
  ASSERT_TRUE(file && file->write("new") && file->commit());
  EXPECT_EQ(read_file(path_, 100).value(), "new");
}

TEST_F(AtomicFileTest, MakesMissingFolders) {
  auto file = AtomicFile::create(folder_.path() / "a" / "b" / "file");
  ASSERT_TRUE(file && file->commit());
  EXPECT_TRUE(fs::exists(folder_.path() / "a" / "b" / "file"));
}

TEST_F(AtomicFileTest, SaysWhichFolderCannotBeMade) {
  folder_.write("file", "");
  const auto refused = AtomicFile::create(path_ / "below" / "it");
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_THAT(refused.error().message, HasSubstr((path_ / "below").string()));
}

TEST_F(AtomicFileTest, ReadsNoMoreThanAllowed) {
  folder_.write("file", "12345");
  EXPECT_EQ(read_file(path_, 5).value(), "12345");
  EXPECT_EQ(read_file(path_, 4).error().code, ErrorCode::too_large);
  EXPECT_EQ(read_file(folder_.path() / "none", 4).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace moetune::kernels
