#include "cli/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace moetune::cli {
namespace {

TEST(OutputTest, EndsQuietlyAtAClosedPipe) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  FdOutput output(ends[1]);
  EXPECT_FALSE(output.line("nobody reads this"));
  EXPECT_EQ(output.failure(), EPIPE);
  EXPECT_FALSE(output.line("nor this"));
  ::close(ends[1]);
}

TEST(OutputTest, RemembersThatTheDiskIsFull) {
  const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  FdOutput output(fd);
  EXPECT_FALSE(output.write("x"));
  EXPECT_EQ(output.failure(), ENOSPC);
  ::close(fd);
}

TEST(OutputTest, WritesLines) {
  StringOutput output;
  EXPECT_TRUE(output.line("a"));
  EXPECT_TRUE(output.write("b"));
  EXPECT_EQ(output.text(), "a\nb");
}

}  // namespace
}  // namespace moetune::cli
