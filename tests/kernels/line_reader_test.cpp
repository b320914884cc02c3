#include "kernels/line_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/temp_file.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;
using testing::zstd_of;

/// All lines, or the error that ended the reading.
schema::Result<std::vector<std::string>> lines_of(const std::filesystem::path& path, LineLimits limits = {}) {
  auto reader = LineReader::open(path, limits);
  if (!reader) return std::unexpected(reader.error());
  std::vector<std::string> lines;
  while (true) {
    const auto line = reader->next();
    if (!line) return std::unexpected(line.error());
    if (!*line) return lines;
    lines.emplace_back(**line);
  }
}

class LineReaderTest : public ::testing::Test {
 protected:
  TempFolder folder_;
};

TEST_F(LineReaderTest, GivesLinesWithoutTheirEnds) {
  EXPECT_THAT(lines_of(folder_.write("a", "one\r\n\ntwo\nlast")).value(), ElementsAre("one", "", "two", "last"));
  EXPECT_THAT(lines_of(folder_.write("b", "one\n")).value(), ElementsAre("one"));
  EXPECT_THAT(lines_of(folder_.write("c", "")).value(), ElementsAre());
}

TEST_F(LineReaderTest, ReadsZstdByContentAndSeveralFrames) {
  const auto file = folder_.write("no_suffix", zstd_of("one\ntw") + zstd_of("o\n") + zstd_of("three"));
  EXPECT_THAT(lines_of(file).value(), ElementsAre("one", "two", "three"));
}

TEST_F(LineReaderTest, JoinsLinesThatSpanItsBuffers) {
  const std::string line(300'001, 'x');
  std::string text;
  for (int i = 0; i < 9; ++i) text += line + "\n";
  for (const auto& bytes : {text, zstd_of(text)}) {
    const auto lines = lines_of(folder_.write("long", bytes));
    ASSERT_TRUE(lines) << lines.error().message;
    ASSERT_EQ(lines->size(), 9U);
    for (const auto& got : *lines) EXPECT_EQ(got, line);
  }
}

TEST_F(LineReaderTest, StopsAtEachLimit) {
  const auto file = folder_.write("a", "0123456789\n0123456789\n0123456789\n");
  const auto over_line = lines_of(file, {.max_line_bytes = 9});
  EXPECT_EQ(over_line.error().code, ErrorCode::too_large);
  EXPECT_THAT(over_line.error().message, HasSubstr("line 1: more than 9 bytes in one line"));
  const auto over_lines = lines_of(file, {.max_lines = 2});
  EXPECT_EQ(over_lines.error().code, ErrorCode::too_large);
  EXPECT_THAT(over_lines.error().message, HasSubstr("line 3: more than 2 lines"));
  EXPECT_EQ(lines_of(file, {.max_bytes = 32}).error().code, ErrorCode::too_large);
  EXPECT_TRUE(lines_of(file, {.max_line_bytes = 10, .max_bytes = 33, .max_lines = 3}));
}

TEST_F(LineReaderTest, IsNotHarmedByACompressedBomb) {
  // 1 GiB of one line, 32 KiB as a file.
  const std::string block(64 << 20, '0');
  std::string bytes;
  const std::string frame = zstd_of(block);
  for (int i = 0; i < 16; ++i) bytes += frame;
  const auto file = folder_.write("bomb", bytes);
  EXPECT_EQ(lines_of(file).error().code, ErrorCode::too_large);
}

TEST_F(LineReaderTest, SaysWhatIsWrongWithTheFile) {
  const auto absent = lines_of(folder_.path() / "absent");
  EXPECT_EQ(absent.error().code, ErrorCode::io);
  EXPECT_THAT(absent.error().message, HasSubstr("No such file"));
  EXPECT_EQ(lines_of(folder_.path()).error().code, ErrorCode::io);
}

class DamagedLinesTest : public LineReaderTest {};

TEST_F(DamagedLinesTest, ACutZstdStreamIsDamagedAtEveryLength) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += std::to_string(i * 7919) + "\n";
  const std::string bytes = zstd_of(text);
  for (std::size_t length = 4; length < bytes.size(); ++length) {
    const auto lines = lines_of(folder_.write("cut", std::string_view(bytes).substr(0, length)));
    ASSERT_FALSE(lines) << length;
    ASSERT_EQ(lines.error().code, ErrorCode::data_damaged) << length;
  }
}

TEST_F(DamagedLinesTest, FlippedBytesGiveAnErrorOrText) {
  const std::string bytes = zstd_of("some text\nand more of it\n");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x55);
    const auto lines = lines_of(folder_.write("flipped", flipped));
    if (!lines) {
      EXPECT_TRUE(lines.error().code == ErrorCode::data_damaged || lines.error().code == ErrorCode::too_large);
    }
  }
}

}  // namespace
}  // namespace moetune::kernels
