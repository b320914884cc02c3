#include "cli/progress_display.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

SweepStatus sweep(const std::string& state, std::int64_t done, int bests) {
  return sweep_status_from_json(sample_sweep(state, done, bests)).value();
}

/// What a terminal shows after these bytes: the few sequences that the display uses, on an endless screen.
std::vector<std::string> screen_after(const std::string& bytes) {
  std::vector<std::string> screen = {""};
  std::size_t row = 0;
  std::string line;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes.compare(i, 2, "\x1b[") == 0) {
      const auto end = bytes.find_first_of("ABCDHJKhlm", i + 2);
      const std::string number = bytes.substr(i + 2, end - i - 2);
      if (bytes[end] == 'A') row -= std::stoul(number);
      if (bytes[end] == 'J') screen.resize(row + 1);
      if (bytes[end] == 'J') screen[row].clear();
      i = end;
    } else if (bytes[i] == '\n') {
      screen[row++] = line;
      if (screen.size() <= row) screen.emplace_back();
      line.clear();
    } else if (bytes[i] != '\r') {
      line += bytes[i];
    }
  }
  return screen;
}

class LiveDisplayTest : public testing::Test {
 protected:
  ProgressDisplay::Clock::time_point at(int ms) const { return start_ + milliseconds(ms); }
  ProgressDisplay::Clock::time_point start_{seconds(1000)};
  StringOutput output_;
  TerminalSize size_{80, 24};
  LiveDisplay display_{output_, {.interactive = true, .color = false, .unicode = true}, [this] { return size_; }};
};

TEST_F(LiveDisplayTest, RedrawsInPlace) {
  display_.show(sweep("running", 100, 1), "", at(0));
  const auto first = screen_after(output_.text());
  display_.show(sweep("running", 200, 3), "", at(500));
  const auto second = screen_after(output_.text());
  EXPECT_EQ(first.size(), 7U);
  EXPECT_EQ(second.size(), 9U);
  EXPECT_THAT(second[1], HasSubstr("200/5760"));
  EXPECT_THAT(output_.text(), Not(HasSubstr("100/5760  200")));
}

TEST_F(LiveDisplayTest, LeavesNothingBehindWhenTheBlockShrinks) {
  display_.show(sweep("running", 100, 18), "", at(0));
  display_.show(sweep("running", 100, 1), "", at(500));
  EXPECT_EQ(screen_after(output_.text()).size(), 7U);
}

TEST_F(LiveDisplayTest, DrawsOnlyWhatChangedAndNotTooOften) {
  display_.show(sweep("paused", 100, 1), "", at(0));
  const auto length = output_.text().size();
  display_.show(sweep("paused", 100, 1), "", at(5000));
  EXPECT_EQ(output_.text().size(), length);
  display_.show(sweep("paused", 101, 1), "", at(5050));
  EXPECT_GT(output_.text().size(), length);
  const auto longer = output_.text().size();
  display_.show(sweep("paused", 102, 1), "", at(5060));
  EXPECT_EQ(output_.text().size(), longer);
}

TEST_F(LiveDisplayTest, GivesTheCursorBack) {
  display_.show(sweep("running", 100, 1), "", at(0));
  EXPECT_THAT(output_.text(), HasSubstr("\x1b[?25l"));
  display_.finish(sweep("done", 5760, 1), at(1000));
  EXPECT_THAT(output_.text(), EndsWith("\x1b[?25h"));
  EXPECT_THAT(screen_after(output_.text()),
              ElementsAre(HasSubstr("done"), HasSubstr("100%"), HasSubstr("ok"), HasSubstr("compiled"), ""));
}

TEST_F(LiveDisplayTest, GivesTheCursorBackWhenItIsDestroyed) {
  StringOutput output;
  {
    LiveDisplay display(output, {.interactive = true, .color = false, .unicode = true}, [this] { return size_; });
    display.show(sweep("running", 100, 1), "", at(0));
  }
  EXPECT_THAT(output.text(), EndsWith("\x1b[?25h"));
}

TEST_F(LiveDisplayTest, ClearsTheWrappedBlockOnAResize) {
  display_.show(sweep("running", 100, 1), "", at(0));
  size_ = {60, 24};
  const auto before = output_.text().size();
  display_.resized();
  // Six lines, of which two are wider than the new terminal and take two rows each.
  EXPECT_EQ(output_.text().substr(before), "\x1b[8A\r\x1b[J");
  display_.show(sweep("running", 100, 1), "", at(500));
  EXPECT_THAT(output_.text().substr(before), HasSubstr("100/5760"));
}

class PlainDisplayTest : public testing::Test {
 protected:
  ProgressDisplay::Clock::time_point at(int s) const { return start_ + seconds(s); }
  std::vector<std::string> lines() const {
    auto parts = split(output_.text(), '\n');
    parts.pop_back();
    return parts;
  }
  ProgressDisplay::Clock::time_point start_{seconds(1000)};
  StringOutput output_;
  PlainDisplay display_{output_};
};

TEST_F(PlainDisplayTest, PrintsAtOnceThenEveryFewSecondsWhileThereIsNews) {
  display_.show(sweep("running", 100, 1), "", at(0));
  display_.show(sweep("running", 150, 1), "", at(1));
  display_.show(sweep("running", 400, 1), "", at(6));
  display_.show(sweep("running", 400, 1), "", at(20));
  EXPECT_THAT(lines(), ElementsAre(StartsWith("sweep 3: running, 100/5760"), StartsWith("sweep 3: running, 400/5760")));
}

TEST_F(PlainDisplayTest, GivesASignOfLifeEachMinute) {
  display_.show(sweep("paused", 100, 1), "", at(0));
  display_.show(sweep("paused", 100, 1), "", at(30));
  display_.show(sweep("paused", 100, 1), "", at(61));
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(PlainDisplayTest, PrintsAStateAtOnceAndTheEndOnce) {
  display_.show(sweep("queued", 0, 0), "", at(0));
  display_.show(sweep("running", 0, 0), "", at(1));
  display_.show(sweep("done", 5760, 0), "", at(2));
  display_.finish(sweep("done", 5760, 0), at(2));
  EXPECT_THAT(lines(),
              ElementsAre(StartsWith("sweep 3: queued"), StartsWith("sweep 3: running"), StartsWith("sweep 3: done")));
}

TEST_F(PlainDisplayTest, PrintsANoteOnce) {
  display_.show(sweep("running", 1, 0), "", at(0));
  display_.show(sweep("running", 1, 0), "connection lost", at(1));
  display_.show(sweep("running", 1, 0), "connection lost", at(2));
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("running"), "sweep 3: connection lost"));
}

}  // namespace
}  // namespace moetune::cli
