#include "db/artifact_index.hpp"

#include <fstream>

#include "db/connection.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::Timestamp;
using schema::TrialStatus;

class ArtifactIndexTest : public ::testing::Test {
 protected:
  void reopen() {
    index_.reset();
    index_ = must(ArtifactIndex::open(folder_.path() / "cache", Access::read_write));
  }
  void SetUp() override { reopen(); }
  std::filesystem::path file() const { return folder_.path() / "cache" / "index.db"; }
  static Artifact artifact(std::string key, std::int64_t bytes, std::int64_t used) {
    return {.key = std::move(key),
            .kind = "gemm",
            .status = TrialStatus::ok,
            .log_tail = "",
            .file_bytes = bytes,
            .depends_on = {{"arch", "sm_90a"}, {"BLOCK_SIZE_M", 64}},
            .metadata = {{"shared_bytes", 1024}},
            .created_at = {used},
            .last_used_at = {used},
            .hits = 0};
  }
  static std::vector<std::string> keys(const std::vector<Artifact>& artifacts) {
    std::vector<std::string> found;
    for (const Artifact& artifact : artifacts) found.push_back(artifact.key);
    return found;
  }

  TemporaryFolder folder_;
  std::unique_ptr<ArtifactIndex> index_;
};

using Keys = std::vector<std::string>;

TEST_F(ArtifactIndexTest, RemembersArtifactsAndFailures) {
  EXPECT_TRUE(index_->fresh());
  must(index_->insert(artifact("aa", 100, 5)));
  Artifact failed = artifact("bb", 0, 6);
  failed.status = TrialStatus::compiler_crash;
  failed.log_tail = "signal 11";
  must(index_->insert(failed));
  reopen();
  EXPECT_FALSE(index_->fresh());
  EXPECT_EQ(index_->discarded_because(), "");
  const auto found = must(index_->find("aa"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->depends_on, artifact("aa", 100, 5).depends_on);
  EXPECT_EQ(found->metadata.at("shared_bytes"), 1024);
  EXPECT_EQ(must(index_->find("bb"))->log_tail, "signal 11");
  EXPECT_EQ(must(index_->find("bb"))->status, TrialStatus::compiler_crash);
  EXPECT_FALSE(must(index_->find("cc")));
  const ArtifactTotals totals = must(index_->totals());
  EXPECT_EQ(totals.artifacts, 2);
  EXPECT_EQ(totals.failures, 1);
  EXPECT_EQ(totals.file_bytes, 100);
}

TEST_F(ArtifactIndexTest, NamesTheLeastRecentlyUsedAsSurplus) {
  for (const auto& [key, used] : {std::pair{"aa", 3}, {"bb", 1}, {"cc", 2}})
    must(index_->insert(artifact(key, 100, used)));
  Artifact failure = artifact("dd", 0, 0);
  must(index_->insert(failure));
  EXPECT_TRUE(must(index_->surplus(300)).empty());
  EXPECT_EQ(keys(must(index_->surplus(299))), (Keys{"bb"}));
  must(index_->touch({"bb", "unknown"}, Timestamp{9}));
  EXPECT_EQ(keys(must(index_->surplus(199))), (Keys{"cc", "aa"}));
  EXPECT_EQ(must(index_->find("bb"))->hits, 1);
  EXPECT_EQ(must(index_->find("bb"))->last_used_at, Timestamp{9});
  must(index_->erase({"cc", "aa"}));
  EXPECT_EQ(must(index_->totals()).file_bytes, 100);
  must(index_->clear());
  EXPECT_EQ(must(index_->totals()).artifacts, 0);
}

TEST_F(ArtifactIndexTest, ReplacesAnEntry) {
  must(index_->insert(artifact("aa", 100, 1)));
  must(index_->insert(artifact("aa", 250, 2)));
  EXPECT_EQ(must(index_->totals()).artifacts, 1);
  EXPECT_EQ(must(index_->find("aa"))->file_bytes, 250);
}

TEST_F(ArtifactIndexTest, ListsByKeyAndFindsByPrefix) {
  for (const char* key : {"aa1", "aa2", "ab1", "b%_"}) must(index_->insert(artifact(key, 1, 1)));
  EXPECT_EQ(keys(must(index_->list("", 2))), (Keys{"aa1", "aa2"}));
  EXPECT_EQ(keys(must(index_->list("aa2", 9))), (Keys{"ab1", "b%_"}));
  EXPECT_EQ(keys(must(index_->find_by_prefix("aa", 9))), (Keys{"aa1", "aa2"}));
  EXPECT_EQ(keys(must(index_->find_by_prefix("b%", 9))), (Keys{"b%_"}));
  EXPECT_TRUE(must(index_->find_by_prefix("%", 9)).empty());
}

TEST_F(ArtifactIndexTest, BeginsAnewWhenDamagedForeignOrNewer) {
  const auto spoil = [&](auto&& damage) {
    must(index_->insert(artifact("aa", 100, 1)));
    index_.reset();
    damage();
    reopen();
    EXPECT_TRUE(index_->fresh());
    EXPECT_NE(index_->discarded_because(), "");
    EXPECT_FALSE(must(index_->find("aa")));
  };
  spoil([&] { std::ofstream(file(), std::ios::trunc) << std::string(9000, 'x'); });
  spoil([&] { std::filesystem::resize_file(file(), 4096); });
  spoil([&] {
    Connection connection({.path = file(), .mode = OpenMode::write});
    connection.execute("PRAGMA user_version = 2");
  });
  spoil([&] {
    Connection connection({.path = file(), .mode = OpenMode::write});
    connection.execute("PRAGMA application_id = 2");
  });
  spoil([&] {
    std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(4096 + 2000);
    stream.put('\x55');
  });
}

TEST_F(ArtifactIndexTest, IsSharedByTwoDaemonsAndReadBesideThem) {
  const auto second = must(ArtifactIndex::open(folder_.path() / "cache", Access::read_write));
  const auto reader = must(ArtifactIndex::open(folder_.path() / "cache", Access::read_only));
  must(index_->insert(artifact("aa", 1, 1)));
  must(second->insert(artifact("bb", 1, 1)));
  EXPECT_EQ(must(reader->totals()).artifacts, 2);
  EXPECT_FALSE(reader->insert(artifact("cc", 1, 1)));
  const auto missing = ArtifactIndex::open(folder_.path() / "none", Access::read_only);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace moetune::db
