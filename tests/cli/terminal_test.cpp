#include "cli/terminal.hpp"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <map>

namespace moetune::cli {
namespace {

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    const winsize size{31, 97, 0, 0};
    ASSERT_EQ(::openpty(&master_, &slave_, nullptr, nullptr, &size), 0);
    variables_ = {{"TERM", "xterm-256color"}, {"LANG", "C.UTF-8"}};
  }
  void TearDown() override {
    ::close(master_);
    ::close(slave_);
  }
  Environment environment() const {
    return [this](const char* name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  int master_ = -1;
  int slave_ = -1;
  std::map<std::string, std::string> variables_;
};

TEST_F(TerminalTest, DrawsOnATerminalOnly) {
  EXPECT_TRUE(inspect_terminal(slave_, environment()).interactive);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  EXPECT_FALSE(inspect_terminal(pipe_ends[1], environment()).interactive);
  EXPECT_FALSE(inspect_terminal(pipe_ends[1], environment()).color);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_F(TerminalTest, LeavesADumbTerminalAlone) {
  variables_["TERM"] = "dumb";
  EXPECT_FALSE(inspect_terminal(slave_, environment()).interactive);
  variables_.erase("TERM");
  EXPECT_FALSE(inspect_terminal(slave_, environment()).interactive);
}

TEST_F(TerminalTest, RespectsNoColor) {
  EXPECT_TRUE(inspect_terminal(slave_, environment()).color);
  variables_["NO_COLOR"] = "";
  EXPECT_TRUE(inspect_terminal(slave_, environment()).color);
  variables_["NO_COLOR"] = "1";
  EXPECT_FALSE(inspect_terminal(slave_, environment()).color);
  EXPECT_TRUE(inspect_terminal(slave_, environment()).interactive);
}

TEST_F(TerminalTest, TakesTheCharacterSetFromTheLocaleThatCounts) {
  EXPECT_TRUE(inspect_terminal(slave_, environment()).unicode);
  variables_["LC_ALL"] = "C";
  EXPECT_FALSE(inspect_terminal(slave_, environment()).unicode);
  variables_["LC_ALL"] = "de_DE.utf8";
  EXPECT_TRUE(inspect_terminal(slave_, environment()).unicode);
}

TEST_F(TerminalTest, KnowsItsSizeOrAssumesOne) {
  EXPECT_EQ(terminal_size(slave_).columns, 97U);
  EXPECT_EQ(terminal_size(slave_).rows, 31U);
  EXPECT_EQ(terminal_size(-1).columns, 80U);
  EXPECT_EQ(terminal_size(-1).rows, 24U);
}

TEST_F(TerminalTest, PaintsOnlyWithColours) {
  EXPECT_EQ(Paint(true)(Tone::good, "ok"), "\x1b[32mok\x1b[0m");
  EXPECT_EQ(Paint(true)(Tone::plain, "ok"), "ok");
  EXPECT_EQ(Paint(false)(Tone::good, "ok"), "ok");
}

}  // namespace
}  // namespace moetune::cli
