#include "daemon/kernel_cache.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "kernels/atomic_file.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::daemon {
namespace {

namespace fs = std::filesystem;
using kernels::ArtifactInfo;
using kernels::ArtifactKey;
using kernels::ArtifactParts;
using kernels::testing::TempFolder;
using schema::ErrorCode;
using schema::TrialStatus;
using ::testing::HasSubstr;

ArtifactParts parts_of(int number) {
  return {.kernel = "cuda",
          .kernel_digest = "d1",
          .compiler = "nvrtc 13.0",
          .arch = "sm_90a",
          .unit = kernels::Unit::gemm,
          .options = {{"defines", {{"BLOCK_SIZE_M", std::to_string(number)}}}}};
}

ArtifactKey key_of(int number) {
  return ArtifactKey::of(parts_of(number));
}

/// Bytes that do not compress: a small generator, seeded by the number.
std::string code_of(int number, std::size_t bytes) {
  std::string code;
  std::uint64_t state = static_cast<std::uint64_t>(number) + 1;
  while (code.size() < bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    code += static_cast<char>(state >> 56);
  }
  return code;
}

class KernelCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen(std::int64_t size_limit = 1 << 30) {
    cache_.reset();
    cache_ = open(size_limit);
  }
  std::unique_ptr<KernelCache> open(std::int64_t size_limit = 1 << 30) {
    fs::create_directories(scratch_);
    return KernelCache::open({.folder = folder_, .scratch = scratch_, .size_limit = size_limit});
  }

  schema::Result<CachedArtifact> publish(KernelCache& cache, int number, std::size_t bytes = 1000) {
    const auto cubin = temp_.write(fmt::format("{}.cubin", number), code_of(number, bytes));
    ArtifactInfo info;
    info.shared_bytes = number;
    auto published = cache.publish(parts_of(number), info, cubin);
    EXPECT_FALSE(fs::exists(cubin));
    return published;
  }
  void publish(int number, std::size_t bytes = 1000) {
    const auto published = publish(*cache_, number, bytes);
    ASSERT_TRUE(published) << published.error().message;
  }

  fs::path file_of(int number) const { return kernels::artifact_path(folder_, key_of(number)); }
  static std::string code_in(const fs::path& file) { return kernels::read_artifact(file).value().cubin; }

  TempFolder temp_;
  fs::path folder_ = temp_.path() / "cache";
  fs::path scratch_ = temp_.path() / "scratch";
  std::unique_ptr<KernelCache> cache_;
};

TEST_F(KernelCacheTest, FindsWhatWasPublished) {
  EXPECT_FALSE(cache_->lookup(key_of(1)));
  EXPECT_FALSE(cache_->contains(key_of(1)));
  publish(1);
  const auto found = cache_->lookup(key_of(1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->info.shared_bytes, 1);
  EXPECT_EQ(code_in(found->path), code_of(1, 1000));
  EXPECT_TRUE(cache_->contains(key_of(1)));

  const auto statistics = cache_->statistics();
  EXPECT_EQ(statistics.hits, 1);
  EXPECT_EQ(statistics.misses, 1);
  EXPECT_EQ(statistics.published, 1);
  EXPECT_EQ(statistics.kernels, 1);
  EXPECT_EQ(statistics.failures, 0);
  EXPECT_EQ(statistics.bytes, fs::file_size(file_of(1)));
  EXPECT_TRUE(statistics.writable);
}

TEST_F(KernelCacheTest, RemembersFailures) {
  ArtifactInfo info;
  info.status = TrialStatus::out_of_resources;
  info.log_tail = "too much shared memory";
  cache_->publish_failure(parts_of(1), info);
  reopen();
  const auto found = cache_->lookup(key_of(1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->info, info);
  EXPECT_TRUE(found->path.empty());
  EXPECT_EQ(cache_->statistics().failures, 1);
  EXPECT_EQ(cache_->statistics().kernels, 0);
}

TEST_F(KernelCacheTest, OutlivesTheDaemon) {
  publish(1);
  publish(2);
  reopen();
  EXPECT_TRUE(cache_->lookup(key_of(1)));
  const auto statistics = cache_->statistics();
  EXPECT_EQ(statistics.kernels, 2);
  EXPECT_EQ(statistics.hits, 1);
  EXPECT_EQ(statistics.published, 0);
}

TEST_F(KernelCacheTest, RefusesACubinThatIsNotThere) {
  EXPECT_EQ(cache_->publish(parts_of(1), {}, temp_.path() / "none").error().code, ErrorCode::io);
  EXPECT_THAT(cache_->publish(parts_of(1), {}, temp_.write("empty", "")).error().message, HasSubstr("is empty"));
}

TEST_F(KernelCacheTest, TreatsDamageAsAMiss) {
  publish(1);
  auto bytes = kernels::read_file(file_of(1), 1 << 20).value();
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(file_of(1), std::ios::binary | std::ios::trunc) << bytes;
  EXPECT_FALSE(cache_->lookup(key_of(1)));
  EXPECT_FALSE(fs::exists(file_of(1)));
  EXPECT_EQ(cache_->statistics().damaged, 1);
  publish(1);
  EXPECT_TRUE(cache_->lookup(key_of(1)));
}

TEST_F(KernelCacheTest, TreatsAnotherKernelUnderItsNameAsDamage) {
  publish(1);
  publish(2);
  fs::copy_file(file_of(1), file_of(2), fs::copy_options::overwrite_existing);
  EXPECT_FALSE(cache_->lookup(key_of(2)));
  EXPECT_TRUE(cache_->lookup(key_of(1)));
}

TEST_F(KernelCacheTest, ForgetsOneEntry) {
  publish(1);
  publish(2);
  cache_->forget(key_of(1));
  EXPECT_FALSE(cache_->lookup(key_of(1)));
  EXPECT_TRUE(cache_->lookup(key_of(2)));
  EXPECT_EQ(cache_->statistics().kernels, 1);
}

TEST_F(KernelCacheTest, EvictsTheLeastRecentlyUsed) {
  for (int number = 0; number < 10; ++number) publish(number, 10'000);
  reopen();
  // A use is worth more than a recent birth.
  ASSERT_TRUE(cache_->lookup(key_of(0)));
  reopen(80'000);
  publish(10, 10'000);
  const auto statistics = cache_->statistics();
  EXPECT_LE(statistics.bytes, 80'000);
  EXPECT_GT(statistics.evictions, 0);
  EXPECT_TRUE(cache_->contains(key_of(0)));
  EXPECT_FALSE(cache_->contains(key_of(1)));
  EXPECT_TRUE(cache_->contains(key_of(10)));
}

TEST_F(KernelCacheTest, EvictsNothingThatASweepUses) {
  reopen(20'000);
  for (int number = 0; number < 10; ++number) publish(number, 10'000);
  for (int number = 0; number < 10; ++number) EXPECT_TRUE(cache_->contains(key_of(number))) << number;
  cache_->release_all();
  publish(10, 10'000);
  EXPECT_LE(cache_->statistics().bytes, 20'000);
  EXPECT_TRUE(cache_->contains(key_of(10)));
}

TEST_F(KernelCacheTest, TrimsAndClears) {
  for (int number = 0; number < 5; ++number) publish(number, 10'000);
  EXPECT_EQ(cache_->trim(15'000)->files, 0) << "all in use";
  cache_->release_all();
  const auto trimmed = cache_->trim(25'000).value();
  EXPECT_EQ(trimmed.files, 3);
  EXPECT_GT(trimmed.bytes, 30'000);
  EXPECT_EQ(cache_->statistics().kernels, 2);
  EXPECT_EQ(cache_->trim(std::nullopt)->files, 0);

  ASSERT_TRUE(cache_->lookup(key_of(4)));
  EXPECT_EQ(cache_->clear()->files, 1);
  EXPECT_TRUE(cache_->contains(key_of(4)));
  cache_->release_all();
  EXPECT_EQ(cache_->clear()->files, 1);
  EXPECT_EQ(cache_->statistics().bytes, 0);
}

TEST_F(KernelCacheTest, MakesItsIndexAnewFromTheFiles) {
  publish(1);
  publish(2);
  ArtifactInfo failure;
  failure.status = TrialStatus::compile_error;
  cache_->publish_failure(parts_of(3), failure);
  const auto before = cache_->statistics();
  cache_.reset();
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.is_regular_file()) fs::remove(entry.path());
  }
  reopen();
  EXPECT_EQ(cache_->statistics().kernels, before.kernels);
  EXPECT_EQ(cache_->statistics().failures, before.failures);
  EXPECT_EQ(cache_->statistics().bytes, before.bytes);

  cache_.reset();
  std::ofstream(folder_ / "index.db", std::ios::binary | std::ios::trunc) << "this is not a database at all";
  reopen();
  EXPECT_EQ(cache_->statistics().kernels, before.kernels);
  EXPECT_TRUE(cache_->lookup(key_of(1)));
}

TEST_F(KernelCacheTest, BringsItsIndexInLineWithTheFiles) {
  for (int number = 1; number <= 3; ++number) publish(number);
  cache_.reset();
  fs::remove(file_of(1));
  std::ofstream(file_of(2), std::ios::binary | std::ios::trunc) << "cut";
  reopen();
  EXPECT_EQ(cache_->statistics().kernels, 2) << "what is damaged is found when it is looked up";
  EXPECT_FALSE(cache_->lookup(key_of(2)));
  EXPECT_EQ(cache_->statistics().kernels, 1);
}

TEST_F(KernelCacheTest, RemovesWhatKilledWritersLeft) {
  publish(1);
  const auto old_file = file_of(1).parent_path() / ".tmp-old.art.123456";
  const auto new_file = file_of(1).parent_path() / ".tmp-new.art.123456";
  for (const auto& file : {old_file, new_file}) std::ofstream(file) << "half";
  fs::last_write_time(old_file, fs::file_time_type::clock::now() - std::chrono::hours(2));
  reopen();
  EXPECT_FALSE(fs::exists(old_file));
  EXPECT_TRUE(fs::exists(new_file)) << "another daemon may be writing it";
}

TEST_F(KernelCacheTest, GoesOnWithoutAFolder) {
  cache_.reset();
  fs::remove_all(folder_);
  std::ofstream(folder_) << "a file where the folder should be";
  reopen();
  EXPECT_FALSE(cache_->statistics().writable);
  publish(1);
  const auto found = cache_->lookup(key_of(1));
  ASSERT_TRUE(found);
  EXPECT_EQ(code_in(found->path), code_of(1, 1000));
  EXPECT_THAT(found->path.string(), ::testing::StartsWith(scratch_.string()));
  EXPECT_EQ(cache_->clear().error().code, ErrorCode::forbidden);
  EXPECT_EQ(cache_->trim(0).error().code, ErrorCode::forbidden);
}

TEST_F(KernelCacheTest, GoesOnWhenItsFolderBreaksLater) {
  publish(1);
  fs::remove_all(folder_ / "artifacts");
  std::ofstream(folder_ / "artifacts") << "in the way";
  publish(2);
  EXPECT_TRUE(cache_->lookup(key_of(2)));
  EXPECT_FALSE(cache_->lookup(key_of(1)));
  fs::remove(folder_ / "artifacts");
  publish(3);
  EXPECT_TRUE(fs::exists(file_of(3)));
}

/// Root may write everywhere, so it becomes nobody for a while.
class AsNobody {
 public:
  AsNobody() { EXPECT_EQ(root_ ? ::seteuid(65534) : 0, 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() { EXPECT_EQ(root_ ? ::seteuid(0) : 0, 0); }

 private:
  const bool root_ = ::geteuid() == 0;
};

TEST_F(KernelCacheTest, UsesAFolderThatItMayOnlyRead) {
  publish(1);
  cache_.reset();
  const auto new_cubin = temp_.write("2.cubin", code_of(2, 1000));
  fs::permissions(temp_.path(), fs::perms::all);
  fs::permissions(scratch_, fs::perms::all);
  fs::permissions(folder_, fs::perms(0555));
  fs::permissions(folder_ / "artifacts", fs::perms(0555));
  {
    const AsNobody nobody;
    reopen();
    EXPECT_FALSE(cache_->statistics().writable);
    EXPECT_EQ(code_in(cache_->lookup(key_of(1))->path), code_of(1, 1000));
    ASSERT_TRUE(cache_->publish(parts_of(2), {}, new_cubin));
    EXPECT_EQ(code_in(cache_->lookup(key_of(2))->path), code_of(2, 1000));
    cache_.reset();
  }
  fs::permissions(folder_ / "artifacts", fs::perms(0755));
  fs::permissions(folder_, fs::perms(0755));
}

TEST_F(KernelCacheTest, ExplainsAKey) {
  publish(7);
  ASSERT_TRUE(cache_->lookup(key_of(7)));
  const auto explained = cache_->explain(key_of(7).hex().substr(0, 8));
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_EQ((*explained)["key"], key_of(7).hex());
  EXPECT_EQ((*explained)["depends_on"]["compiler"], "nvrtc 13.0");
  EXPECT_EQ((*explained)["depends_on"]["options"]["defines"]["BLOCK_SIZE_M"], "7");
  EXPECT_EQ((*explained)["outcome"]["status"], "ok");
  EXPECT_EQ((*explained)["cubin_bytes"], 1000);
  EXPECT_EQ((*explained)["hits"], 1);

  EXPECT_EQ(cache_->explain("ab").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(cache_->explain("../etc").error().code, ErrorCode::invalid_argument);
  const std::string other(64, key_of(7).hex()[0] == 'a' ? 'b' : 'a');
  EXPECT_EQ(cache_->explain(other).error().code, ErrorCode::not_found);
}

TEST_F(KernelCacheTest, SharesAFolderWithAnotherDaemon) {
  const auto other = open();
  publish(1);
  EXPECT_TRUE(other->lookup(key_of(1)));
  ASSERT_TRUE(publish(*other, 2));
  EXPECT_TRUE(cache_->lookup(key_of(2)));
  EXPECT_EQ(cache_->statistics().kernels, 2);
  cache_->release_all();
  ASSERT_TRUE(cache_->clear());
  EXPECT_FALSE(other->lookup(key_of(1)));
  EXPECT_FALSE(other->lookup(key_of(2)));
}

TEST_F(KernelCacheTest, ServesManyThreadsOfTwoDaemons) {
  const auto other = open(200'000);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      auto& cache = thread % 2 == 0 ? *cache_ : *other;
      for (int i = 0; i < 50; ++i) {
        const int number = (i * 7 + thread) % 20;
        if (!cache.lookup(key_of(number))) {
          const auto cubin = temp_.write(fmt::format("{}-{}.cubin", thread, i), code_of(number, 5000));
          EXPECT_TRUE(cache.publish(parts_of(number), {}, cubin));
        }
        static_cast<void>(cache.statistics());
        if (i % 10 == 9) cache.release_all();
      }
    });
  }
  threads.clear();
  for (int number = 0; number < 20; ++number) {
    const auto found = cache_->lookup(key_of(number));
    ASSERT_TRUE(found) << number;
    EXPECT_EQ(code_in(found->path), code_of(number, 5000));
  }
  EXPECT_EQ(cache_->statistics().damaged + other->statistics().damaged, 0);
}

}  // namespace
}  // namespace moetune::daemon
