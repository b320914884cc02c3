#include "daemon/upload_store.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "tests/kernels/temp_file.hpp"

namespace moetune::daemon {
namespace {

class UploadStoreTest : public testing::Test {
 protected:
  UploadStore open() {
    auto store = UploadStore::open(folder_.path() / "uploads");
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }

  kernels::testing::TempFolder folder_;
};

std::string keep(const UploadStore& store, std::string_view bytes) {
  auto upload = store.begin();
  EXPECT_TRUE(upload);
  EXPECT_TRUE(upload->write(bytes.substr(0, 2)));
  EXPECT_TRUE(upload->write(bytes.substr(2)));
  return upload->commit().value_or("");
}

TEST_F(UploadStoreTest, FindsAnUploadByTheDigestOfItsBytes) {
  const UploadStore store = open();
  const std::string id = keep(store, "recording");
  EXPECT_EQ(id, kernels::sha256_hex("recording"));
  const auto path = store.path(id);
  ASSERT_TRUE(path);
  std::ifstream file(*path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "recording");
  EXPECT_EQ(keep(open(), "recording"), id);
}

TEST_F(UploadStoreTest, NamesNoPathOutsideItsFolder) {
  const UploadStore store = open();
  std::ofstream(folder_.path() / "secret") << "x";
  for (const std::string& id : {std::string("../secret"), std::string("/etc/passwd"), std::string(),
                                std::string(64, 'G'), std::string(64, 'A'), std::string(63, 'a')}) {
    EXPECT_EQ(store.path(id).error().code, schema::ErrorCode::invalid_argument) << id;
  }
  EXPECT_EQ(store.path(std::string(64, 'a')).error().code, schema::ErrorCode::not_found);
}

TEST_F(UploadStoreTest, LeavesNothingOfWhatWasDroppedOrKilled) {
  const UploadStore store = open();
  {
    auto upload = store.begin();
    ASSERT_TRUE(upload && upload->write("half"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "uploads"));
  std::ofstream(folder_.path() / "uploads" / ".tmp-killed") << "half";
  const std::string id = keep(open(), "whole");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "uploads" / ".tmp-killed"));
  EXPECT_TRUE(open().path(id));
}

TEST_F(UploadStoreTest, RemovesWhatNobodyNeedsAfterAMonth) {
  const UploadStore store = open();
  const std::string used = keep(store, "used");
  const std::string fresh = keep(store, "fresh");
  const std::string old = keep(store, "old");
  const std::string again = keep(store, "again");
  const auto two_months_ago = std::filesystem::file_time_type::clock::now() - std::chrono::months(2);
  for (const auto& id : {used, old, again}) std::filesystem::last_write_time(*store.path(id), two_months_ago);
  EXPECT_EQ(keep(store, "again"), again);
  store.remove_unused({used});
  EXPECT_TRUE(store.path(used));
  EXPECT_TRUE(store.path(fresh));
  EXPECT_TRUE(store.path(again));
  EXPECT_EQ(store.path(old).error().code, schema::ErrorCode::not_found);
}

TEST_F(UploadStoreTest, SaysWhyAFolderCannotBeUsed) {
  std::ofstream(folder_.path() / "uploads") << "a file";
  const auto store = UploadStore::open(folder_.path() / "uploads");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, schema::ErrorCode::io);
  EXPECT_NE(store.error().message.find("uploads"), std::string::npos);
}

}  // namespace
}  // namespace moetune::daemon
