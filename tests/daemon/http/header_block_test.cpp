#include "daemon/http/header_block.hpp"

#include <gtest/gtest.h>

#include <string>

namespace moetune::daemon::http {
namespace {

TEST(HeaderBlockTest, EndsWithTheEmptyLineAndLeavesTheBody) {
  const std::string header = "POST /sweeps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n";
  const HeaderBlock block = inspect_header(header + "{}");
  EXPECT_EQ(block.state, HeaderState::complete);
  EXPECT_EQ(block.size, header.size());
}

TEST(HeaderBlockTest, IsIncompleteAtEveryCutBeforeItsEnd) {
  const std::string header = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (std::size_t size = 0; size < header.size(); ++size) {
    EXPECT_EQ(inspect_header(header.substr(0, size)).state, HeaderState::incomplete) << size;
  }
}

class MalformedHeaderTest : public testing::TestWithParam<std::string> {};

TEST_P(MalformedHeaderTest, IsRefusedBeforeItIsParsed) {
  EXPECT_EQ(inspect_header(GetParam()).state, HeaderState::malformed) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Headers, MalformedHeaderTest,
                         testing::Values("GET / HTTP/1.1\n", "\n", "\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
                                         "GET / HTTP/1.1\r\nHost : a\r\n", "GET / HTTP/1.1\r\n: a\r\n",
                                         "GET / HTTP/1.1\r\nno colon\r\n",
                                         "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n",
                                         "GET / HTTP/1.1\r\nHost: a\rb\r\n", "GET /\x01 HTTP/1.1\r\n",
                                         // NOLINTNEXTLINE(bugprone-string-constructor): a NUL is part of it
                                         std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n", 28)));

}  // namespace
}  // namespace moetune::daemon::http
