#include "kernels/artifact_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "kernels/atomic_file.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using ::testing::HasSubstr;
using testing::TempFolder;

Artifact sample() {
  return {.parts = {.kernel = "cuda",
                    .kernel_digest = "0123",
                    .compiler = "nvrtc 13.0",
                    .arch = "sm_90a",
                    .unit = Unit::gemm,
                    .options = {{"defines", {{"BLOCK_SIZE_M", "64"}}}, {"flags", {"--std=c++17"}}}},
          .info = {.status = schema::TrialStatus::ok,
                   .shared_bytes = 75020,
                   .registers = 164,
                   .spill_bytes = 8,
                   .seconds = 0.25,
                   .log_tail = "",
                   .compiled_at = {.ms = 1'795'000'000'123}},
          .cubin = std::string("\x7f"
                               "ELF\0code",
                               9)};
}

std::string bytes_of(const std::filesystem::path& path) {
  return read_file(path, 1 << 20).value();
}

void write(const std::filesystem::path& path, std::string_view bytes) {
  // A new file each time: some file systems sync a file that is truncated and written again.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class ArtifactFileTest : public ::testing::Test {
 protected:
  TempFolder folder_;
  std::filesystem::path path_ = folder_.path() / "one.art";
};

TEST_F(ArtifactFileTest, GivesBackWhatWasWritten) {
  const auto written = write_artifact(path_, sample());
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(*written, std::filesystem::file_size(path_));
  const auto read = read_artifact(path_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, sample());
}

TEST_F(ArtifactFileTest, KeepsAFailureWithoutCode) {
  auto failure = sample();
  failure.info.status = schema::TrialStatus::compile_error;
  failure.info.log_tail = "error: \"wgmma\" \n undefined";
  failure.cubin.clear();
  ASSERT_TRUE(write_artifact(path_, failure));
  EXPECT_EQ(read_artifact(path_).value(), failure);
}

TEST_F(ArtifactFileTest, SaysThatAFileIsMissing) {
  EXPECT_EQ(read_artifact(path_).error().code, ErrorCode::not_found);
}

TEST_F(ArtifactFileTest, NoticesEveryTruncation) {
  ASSERT_TRUE(write_artifact(path_, sample()));
  const auto whole = bytes_of(path_);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write(path_, std::string_view(whole).substr(0, length));
    const auto read = read_artifact(path_);
    ASSERT_FALSE(read) << length;
    EXPECT_EQ(read.error().code, ErrorCode::data_damaged) << length;
  }
  write(path_, whole + "x");
  EXPECT_EQ(read_artifact(path_).error().code, ErrorCode::data_damaged);
}

TEST_F(ArtifactFileTest, NoticesEveryFlippedBit) {
  ASSERT_TRUE(write_artifact(path_, sample()));
  const auto whole = bytes_of(path_);
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 3) {
    auto altered = whole;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    write(path_, altered);
    const auto read = read_artifact(path_);
    ASSERT_FALSE(read) << bit;
    EXPECT_EQ(read.error().code, ErrorCode::data_damaged) << bit;
  }
}

TEST_F(ArtifactFileTest, RefusesWhatHoldsAnotherArtifact) {
  ASSERT_TRUE(write_artifact(path_, sample()));
  auto other = sample().parts;
  other.arch = "sm_80";
  EXPECT_TRUE(read_artifact(path_, ArtifactKey::of(sample().parts)));
  const auto read = read_artifact(path_, ArtifactKey::of(other));
  EXPECT_EQ(read.error().code, ErrorCode::data_damaged);
  EXPECT_THAT(read.error().message, HasSubstr("holds another artifact"));
}

TEST_F(ArtifactFileTest, RefusesAFolderInPlaceOfAFile) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(read_artifact(path_).error().code, ErrorCode::io);
}

TEST_F(ArtifactFileTest, LeavesNoTemporaryFilesWhenItCannotWrite) {
  std::filesystem::create_directories(path_ / "in the way");
  EXPECT_EQ(write_artifact(path_, sample()).error().code, ErrorCode::io);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST(ArtifactKeyTest, ChangesWithEveryPart) {
  const auto key = ArtifactKey::of(sample().parts);
  const auto changed = [&](auto change) {
    auto parts = sample().parts;
    change(parts);
    return ArtifactKey::of(parts) != key;
  };
  EXPECT_TRUE(changed([](auto& parts) { parts.kernel = "builtin"; }));
  EXPECT_TRUE(changed([](auto& parts) { parts.kernel_digest = "4567"; }));
  EXPECT_TRUE(changed([](auto& parts) { parts.compiler = "nvrtc 12.8"; }));
  EXPECT_TRUE(changed([](auto& parts) { parts.arch = "sm_100"; }));
  EXPECT_TRUE(changed([](auto& parts) { parts.unit = Unit::step; }));
  EXPECT_TRUE(changed([](auto& parts) { parts.options["defines"]["BLOCK_SIZE_M"] = "128"; }));
  EXPECT_FALSE(changed([](auto&) {}));
}

TEST(ArtifactKeyTest, DoesNotDependOnTheOrderOfOptions) {
  auto first = sample().parts;
  auto second = sample().parts;
  first.options = nlohmann::json::parse(R"({"a": "1", "b": "2"})");
  second.options = nlohmann::json::parse(R"({"b": "2", "a": "1"})");
  EXPECT_EQ(ArtifactKey::of(first), ArtifactKey::of(second));
}

TEST(ArtifactKeyTest, IsReadFromHexDigitsOnly) {
  const auto key = ArtifactKey::of(sample().parts);
  EXPECT_EQ(ArtifactKey::from_hex(key.hex()).value(), key);
  EXPECT_FALSE(ArtifactKey::from_hex(key.hex().substr(1)));
  EXPECT_FALSE(ArtifactKey::from_hex("../" + key.hex().substr(3)));
  EXPECT_FALSE(ArtifactKey::from_hex(""));
}

}  // namespace
}  // namespace moetune::kernels
