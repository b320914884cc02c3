#include "cli/progress_frame.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/text.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr TerminalTraits k_unicode{.interactive = true, .color = false, .unicode = true};
constexpr TerminalTraits k_ascii{.interactive = true, .color = false, .unicode = false};
constexpr TerminalTraits k_colored{.interactive = true, .color = true, .unicode = true};

SweepStatus sweep(const std::string& state, std::int64_t done, int bests) {
  return sweep_status_from_json(sample_sweep(state, done, bests)).value();
}

FrameView view(std::size_t columns, std::size_t rows, TerminalTraits traits = k_unicode) {
  return {{columns, rows}, traits, 31.23, ""};
}

TEST(ProgressFrameTest, Fits120Columns) {
  EXPECT_THAT(
      progress_frame(sweep("running", 2995, 3), view(120, 30)),
      ElementsAre(
          "sweep 3  running  E=256,N=512,hidden_size=2048,topk=8,fp8_w8a8,block_shape=[128,128]  kernel cuda",
          "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────  51%  2995/5760  31.2 trials/s  ETA 1m28s",
          "ok 2846  out_of_resources 74  compiler_crash 75", "compiled 300  cached 12  failed to compile 10",
          "batch  best so far                 us   speedup",  //
          "    1  16x128x128 g1 w4 s3     18.021    1.124x",  //
          "    2  16x128x128 g1 w4 s4     36.042    1.124x",  //
          "    4  16x128x128 g1 w4 s3     90.105    1.001x"));
}

TEST(ProgressFrameTest, SaysThatASweepScans) {
  SweepStatus scanning = sweep("running", 2995, 0);
  scanning.phase = schema::SweepPhase::scan;
  EXPECT_THAT(progress_frame(scanning, view(120, 30)), Contains(HasSubstr("  scan 51%  2995/5760")));
  EXPECT_THAT(progress_line(scanning, 31.23), HasSubstr("sweep 3: scanning, 2995/5760"));
  scanning.state = schema::SweepState::cancelled;
  EXPECT_THAT(progress_frame(scanning, view(120, 30)), Each(Not(HasSubstr("scan "))));
}

TEST(ProgressFrameTest, Fits80Columns) {
  EXPECT_THAT(
      progress_frame(sweep("running", 2995, 1), view(80, 24)),
      ElementsAre("sweep 3  running  E=256,N=512,hidden_size=2048,topk=8,fp8_w8a8,block_shape=[12…",
                  "━━━━━━━━━━━━━━━━━━━──────────────────  51%  2995/5760  31.2 trials/s  ETA 1m28s",
                  "ok 2846  out_of_resources 74  compiler_crash 75", "compiled 300  cached 12  failed to compile 10",
                  "batch  best so far                 us   speedup",
                  "    1  16x128x128 g1 w4 s3     18.021    1.124x"));
}

TEST(ProgressFrameTest, Fits60ColumnsInAscii) {
  EXPECT_THAT(
      progress_frame(sweep("running", 2995, 1), view(60, 24, k_ascii)),
      ElementsAre("sweep 3  running  E=256,N=512,hidden_size=2048,topk=8,fp8_.",
                  "[#######-       ]  51%  2995/5760  31.2 trials/s  ETA 1m28s",
                  "ok 2846  out_of_resources 74  compiler_crash 75", "compiled 300  cached 12  failed to compile 10",
                  "batch  best so far                 us   speedup",
                  "    1  16x128x128 g1 w4 s3     18.021    1.124x"));
}

TEST(ProgressFrameTest, GivesUpTheBarBeforeTheFigures) {
  EXPECT_THAT(progress_frame(sweep("running", 2995, 1), view(40, 24)),
              ElementsAre("sweep 3  running  E=256,N=512,hidden_s…", "51%  2995/5760  31.2/s  ETA 1m28s",
                          "ok 2846  out_of_resources 74", "compiler_crash 75", "compiled 300  cached 12",
                          "failed to compile 10"));
}

SweepStatus sweep_with_pair() {
  auto status = sweep("running", 2995, 2);
  auto& config = *status.best.at(2).config;
  config = paired(config, {16, 64, 128, 32, 8, 3});
  return status;
}

TEST(ProgressFrameTest, ShowsTheTilesOfBothGemms) {
  const auto lines = progress_frame(sweep_with_pair(), view(80, 24));
  EXPECT_EQ(lines[4], "batch  best so far                                       us   speedup");
  EXPECT_EQ(lines[5], "    1  16x128x128 g1 w4 s3                           18.021    1.124x");
  EXPECT_EQ(lines[6], "    2  16x128x128 g1 w4 s4 | 16x64x128 g32 w8 s3     36.042    1.124x");
}

TEST(ProgressFrameTest, CutsTheTileOfGemm2WhereThereIsNoRoom) {
  EXPECT_EQ(progress_frame(sweep_with_pair(), view(60, 24))[6],
            "    2  16x128x128 g1 w4 s4 | 16x64x12…     36.042    1.124x");
  EXPECT_EQ(progress_frame(sweep_with_pair(), view(50, 24))[6], "    2  16x128x128 g1 w4 s4 …     36.042    1.124x");
}

TEST(ProgressFrameTest, SetsBestRowsSideBySideWhenTheTerminalIsLow) {
  const auto lines = progress_frame(sweep("running", 2995, 18), view(120, 14));
  ASSERT_EQ(lines.size(), 13U);
  EXPECT_EQ(lines[5],
            "    1  16x128x128 g1 w4 s3     18.021    1.124x       48  16x128x128 g1 w4 s4    901.050    1.124x");
  EXPECT_EQ(lines[12], "  and 4 more");
}

TEST(ProgressFrameTest, NeverWrapsNorScrolls) {
  auto status = sweep("running", 5000, 18);
  status.best.at(4).config = sweep_with_pair().best.at(2).config;
  for (const std::size_t columns : {1, 2, 10, 18, 19, 20, 30, 46, 47, 48, 60, 79, 80, 81, 97, 98, 99, 120, 200}) {
    for (const std::size_t rows : {1, 2, 3, 5, 6, 7, 8, 13, 14, 24, 50}) {
      const auto lines = progress_frame(status, view(columns, rows, k_colored));
      EXPECT_LE(lines.size(), std::max<std::size_t>(rows - 1, 1)) << columns << "x" << rows;
      for (const auto& line : lines) {
        EXPECT_LE(width_of(line), std::max<std::size_t>(columns - 1, 1)) << columns << "x" << rows << ": " << line;
      }
    }
  }
}

TEST(ProgressFrameTest, SaysWhatStateASweepIsIn) {
  EXPECT_THAT(progress_frame(sweep("queued", 0, 0), view(80, 24))[0], HasSubstr("queued"));
  EXPECT_THAT(progress_frame(sweep("paused", 10, 0), view(80, 24))[1], Not(HasSubstr("ETA")));
  auto planless = sample_sweep("queued", 0, 0);
  planless["trials"]["total"] = 0;
  EXPECT_THAT(progress_frame(sweep_status_from_json(planless).value(), view(80, 24))[1],
              HasSubstr("no trials planned yet"));
  EXPECT_THAT(progress_line(sweep_status_from_json(planless).value(), {}), StartsWith("sweep 3: queued"));
  EXPECT_THAT(progress_line(sweep_status_from_json(planless).value(), {}), Not(HasSubstr("0/0")));
}

TEST(ProgressFrameTest, PutsANoteInPlaceOfTheProblem) {
  auto with_note = view(80, 24);
  with_note.note = "connection lost, waiting for the daemon";
  EXPECT_EQ(progress_frame(sweep("running", 10, 0), with_note)[0],
            "sweep 3  running  connection lost, waiting for the daemon");
}

TEST(ProgressFrameTest, ColoursOnlyWhereColoursAreWanted) {
  const auto plain = progress_frame(sweep("running", 2995, 2), view(80, 24));
  const auto colored = progress_frame(sweep("running", 2995, 2), view(80, 24, k_colored));
  EXPECT_THAT(plain, Each(Not(HasSubstr("\x1b"))));
  EXPECT_THAT(colored, Contains(HasSubstr("\x1b[31mcompiler_crash 75\x1b[0m")));
  ASSERT_EQ(plain.size(), colored.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(width_of(plain[i]), width_of(colored[i]));
}

TEST(ProgressFrameTest, KeepsTheSummaryAtTheEnd) {
  EXPECT_THAT(summary_frame(sweep("done", 5760, 18), view(80, 24)),
              ElementsAre(HasSubstr("sweep 3  done"), HasSubstr("100%  5760/5760"), HasSubstr("ok 5472"),
                          HasSubstr("compiled 300")));
}

TEST(ProgressFrameTest, SaysTheSameInOnePlainLine) {
  EXPECT_EQ(
      progress_line(sweep("running", 2995, 3), 31.23),
      "sweep 3: running, 2995/5760 (51%), 31.2 trials/s, ETA 1m28s; ok 2846, out_of_resources 74, compiler_crash 75; "
      "compiled 300, cached 12, failed to compile 10");
  auto recorded = sample_sweep("done", 40, 0);
  recorded["trials"]["not_recorded"] = 600;
  EXPECT_EQ(progress_line(sweep_status_from_json(recorded).value(), std::nullopt),
            "sweep 3: done, 40/5760 (0%); ok 38, out_of_resources 1, compiler_crash 1, not_recorded 600; compiled 300, "
            "cached 12, failed to compile 10");
}

}  // namespace
}  // namespace moetune::cli
