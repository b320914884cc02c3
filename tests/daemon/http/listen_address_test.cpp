#include "daemon/http/listen_address.hpp"

#include <gtest/gtest.h>

#include "daemon/http/listener.hpp"

namespace moetune::daemon::http {
namespace {

TEST(ListenAddressTest, ReadsHostAndPortAndWritesThemBack) {
  for (const auto& [text, host, port] :
       std::vector<std::tuple<std::string, std::string, int>>{{"127.0.0.1:8765", "127.0.0.1", 8765},
                                                              {"localhost:0", "localhost", 0},
                                                              {"[::1]:0", "::1", 0},
                                                              {"0.0.0.0:65535", "0.0.0.0", 65535},
                                                              {"gpu-box.lan:80", "gpu-box.lan", 80}}) {
    const auto address = listen_address_from_text(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->host, host);
    EXPECT_EQ(address->port, port);
    EXPECT_EQ(to_text(*address), text);
  }
}

class BadListenAddressTest : public testing::TestWithParam<const char*> {};

TEST_P(BadListenAddressTest, IsRefusedWithWhatWouldBeRight) {
  const auto address = listen_address_from_text(GetParam());
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code, schema::ErrorCode::invalid_argument);
  EXPECT_NE(address.error().message.find("HOST:PORT"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Texts, BadListenAddressTest,
                         testing::Values("", "8765", "localhost", ":8765", "localhost:", "localhost:x", "localhost:-1",
                                         "localhost:65536", "localhost:1:2", "::1:80", "[::1]", "[::1]80", "[::1",
                                         "[localhost]:1", "a b:1", "http://localhost:1"));

TEST(ListenAddressTest, KnowsWhatOnlyThisMachineReaches) {
  for (const char* host : {"localhost", "LocalHost", "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
  EXPECT_TRUE(is_wildcard("0.0.0.0") && is_wildcard("::"));
  EXPECT_FALSE(is_wildcard("127.0.0.1"));
}

TEST(ListenerTest, PicksAFreePortAndTellsIt) {
  const auto listener = Listener::open({"127.0.0.1", 0});
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_NE(listener->address.port, 0);
  EXPECT_TRUE(listener->loopback);
  const auto everywhere = Listener::open({"0.0.0.0", 0});
  ASSERT_TRUE(everywhere) << everywhere.error().message;
  EXPECT_FALSE(everywhere->loopback);
}

TEST(ListenerTest, NoticesAPortThatIsInUse) {
  const auto first = Listener::open({"127.0.0.1", 0});
  ASSERT_TRUE(first);
  for (const char* host : {"127.0.0.1", "0.0.0.0"}) {
    const auto second = Listener::open({host, first->address.port});
    ASSERT_FALSE(second) << host;
    EXPECT_EQ(second.error().code, schema::ErrorCode::conflict);
    EXPECT_NE(second.error().message.find("is in use"), std::string::npos) << second.error().message;
  }
}

TEST(ListenerTest, RefusesAHostThatIsNotThisMachines) {
  const auto unknown = Listener::open({"no-such-host.invalid", 0});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, schema::ErrorCode::invalid_argument);
  const auto foreign = Listener::open({"192.0.2.1", 0});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, schema::ErrorCode::io);
}

}  // namespace
}  // namespace moetune::daemon::http
