#include "daemon/supervisor/line_buffer.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string_view>

#include "kernels/unique_fd.hpp"

namespace moetune::daemon {
namespace {

using State = LineBuffer::State;
using ::testing::ElementsAre;

class LineBufferTest : public ::testing::Test {
 protected:
  LineBufferTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }

  void write(std::string_view bytes) const {
    ASSERT_EQ(::write(write_.get(), bytes.data(), bytes.size()), std::ssize(bytes));
  }
  State read(LineBuffer& buffer) {
    lines_.clear();
    return buffer.read(read_.get(), lines_);
  }

  kernels::UniqueFd read_;
  kernels::UniqueFd write_;
  std::vector<std::string> lines_;
};

TEST_F(LineBufferTest, GivesLinesOnceTheyAreWhole) {
  LineBuffer buffer(100, LineBuffer::Overlong::stop);
  write("one\ntw");
  EXPECT_EQ(read(buffer), State::open);
  EXPECT_THAT(lines_, ElementsAre("one"));
  EXPECT_EQ(buffer.rest(), "tw");
  write("o\n\nthree\n");
  EXPECT_EQ(read(buffer), State::open);
  EXPECT_THAT(lines_, ElementsAre("two", "", "three"));
}

TEST_F(LineBufferTest, TellsTheEnd) {
  LineBuffer buffer(100, LineBuffer::Overlong::stop);
  write("half");
  write_.reset();
  EXPECT_EQ(read(buffer), State::end_of_file);
  EXPECT_THAT(lines_, ElementsAre());
  EXPECT_EQ(buffer.rest(), "half");
}

TEST_F(LineBufferTest, StopsAtALineThatIsTooLong) {
  LineBuffer buffer(4, LineBuffer::Overlong::stop);
  write("1234\n");
  EXPECT_EQ(read(buffer), State::open);
  write("12345");
  EXPECT_EQ(read(buffer), State::overlong);
}

TEST_F(LineBufferTest, SplitsALineThatIsTooLong) {
  LineBuffer buffer(4, LineBuffer::Overlong::split);
  write("0123456789\nab\n");
  EXPECT_EQ(read(buffer), State::open);
  EXPECT_THAT(lines_, ElementsAre("0123", "4567", "89", "ab"));
}

TEST_F(LineBufferTest, ReadsABoundedAmountAtATime) {
  LineBuffer buffer(1 << 20, LineBuffer::Overlong::stop);
  ASSERT_GT(::fcntl(write_.get(), F_SETPIPE_SZ, 1 << 20), 512 << 10);
  write(std::string(512 << 10, 'x'));
  EXPECT_EQ(read(buffer), State::open);
  EXPECT_LT(buffer.rest().size(), 512 << 10);
}

}  // namespace
}  // namespace moetune::daemon
