#include "daemon/http/body_reader.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace moetune::daemon::http {
namespace {

using schema::ErrorCode;
using std::chrono::milliseconds;

/// A connection whose other end the test writes to.
class BodyReaderTest : public testing::Test {
 protected:
  BodyReaderTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    connection_ = std::make_unique<Connection>(kernels::UniqueFd(ends[0]));
    client_.reset(ends[1]);
  }

  void send(std::string_view bytes) {
    ASSERT_EQ(write(client_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  schema::Result<BodyReader> reader(const std::vector<std::pair<std::string, std::string>>& fields,
                                    std::string_view version = "HTTP/1.1") {
    Headers headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    auto reader = BodyReader::create(headers, version, *connection_);
    if (reader) reader->set_limits(1000, milliseconds(2000), BodyReader::Pace::in_all);
    return reader;
  }

  std::unique_ptr<Connection> connection_;
  kernels::UniqueFd client_;
};

TEST_F(BodyReaderTest, WithoutLengthThereIsNoBody) {
  auto body = reader({});
  ASSERT_TRUE(body);
  EXPECT_TRUE(body->empty());
  EXPECT_TRUE(body->finished());
  EXPECT_EQ(body->read_all(), "");
}

TEST_F(BodyReaderTest, ReadsTheDeclaredLengthAndLeavesTheNextRequest) {
  auto body = reader({{"Content-Length", "5"}});
  ASSERT_TRUE(body);
  EXPECT_FALSE(body->empty());
  send("helloGET / HTTP/1.1");
  EXPECT_EQ(body->read_all(), "hello");
  EXPECT_TRUE(body->finished());
  EXPECT_EQ(connection_->pending(), "GET / HTTP/1.1");
}

TEST_F(BodyReaderTest, ReadsChunksWithExtensionsAndTrailers) {
  auto body = reader({{"Transfer-Encoding", "Chunked"}});
  ASSERT_TRUE(body);
  send("5;x=y\r\nhello\r\nB\r\n, 123456789\r\n0\r\nTrailer: x\r\n\r\nnext");
  EXPECT_EQ(body->read_all(), "hello, 123456789");
  EXPECT_TRUE(body->finished());
  EXPECT_EQ(connection_->pending(), "next");
}

TEST_F(BodyReaderTest, RefusesUnclearFraming) {
  EXPECT_FALSE(reader({{"Content-Length", "5"}, {"Content-Length", "5"}}));
  EXPECT_FALSE(reader({{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}));
  EXPECT_FALSE(reader({{"Content-Length", "-1"}}));
  EXPECT_FALSE(reader({{"Content-Length", "+5"}}));
  EXPECT_FALSE(reader({{"Content-Length", "5, 5"}}));
  EXPECT_FALSE(reader({{"Content-Length", "0x5"}}));
  EXPECT_FALSE(reader({{"Content-Length", "99999999999999999999"}}));
  EXPECT_FALSE(reader({{"Transfer-Encoding", "gzip, chunked"}}));
  EXPECT_FALSE(reader({{"Transfer-Encoding", "chunked"}}, "HTTP/1.0"));
}

TEST_F(BodyReaderTest, RefusesBrokenChunks) {
  for (const char* bytes :
       {"x\r\n", "-1\r\n", "0x5\r\nhello\r\n", "\r\n", "3\r\nhello\r\n0\r\n\r\n", "ffffffffffffffffff\r\n"}) {
    auto body = reader({{"Transfer-Encoding", "chunked"}});
    ASSERT_TRUE(body);
    send(bytes);
    const auto all = body->read_all();
    ASSERT_FALSE(all) << bytes;
    EXPECT_EQ(all.error().code, ErrorCode::invalid_argument) << bytes;
    EXPECT_FALSE(body->finished());
    connection_->consume(connection_->pending().size());
  }
}

TEST_F(BodyReaderTest, RefusesALongBodyWithoutReadingIt) {
  auto declared = reader({{"Content-Length", "1001"}});
  ASSERT_TRUE(declared);
  const auto refused = declared->read_all();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);

  auto chunked = reader({{"Transfer-Encoding", "chunked"}});
  ASSERT_TRUE(chunked);
  send("3e8\r\n" + std::string(1000, 'x') + "\r\n1\r\nx\r\n");
  const auto grown = chunked->read_all();
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().code, ErrorCode::too_large);
}

TEST_F(BodyReaderTest, AsksForABodyOnlyWhenItIsWanted) {
  auto body = reader({{"Content-Length", "2"}, {"Expect", "100-continue"}});
  ASSERT_TRUE(body);
  std::array<char, 64> told{};
  EXPECT_EQ(read(client_.get(), told.data(), told.size()), -1);
  body->set_limits(1000, milliseconds(1), BodyReader::Pace::in_all);
  EXPECT_FALSE(body->next());
  const auto size = read(client_.get(), told.data(), told.size());
  EXPECT_EQ(std::string_view(told.data(), static_cast<std::size_t>(size)), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(BodyReaderTest, GivesUpOnASlowClient) {
  auto body = reader({{"Content-Length", "10"}});
  ASSERT_TRUE(body);
  body->set_limits(1000, milliseconds(20), BodyReader::Pace::in_all);
  send("slow");
  EXPECT_FALSE(body->read_all());
  EXPECT_TRUE(body->timed_out());
}

TEST_F(BodyReaderTest, NoticesThatTheClientLeft) {
  auto body = reader({{"Content-Length", "10"}});
  ASSERT_TRUE(body);
  send("cut");
  client_.reset();
  const auto all = body->read_all();
  ASSERT_FALSE(all);
  EXPECT_FALSE(body->timed_out());
  EXPECT_FALSE(body->finished());
}

}  // namespace
}  // namespace moetune::daemon::http
