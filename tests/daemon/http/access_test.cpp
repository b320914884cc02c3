#include "daemon/http/access.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "tests/kernels/temp_file.hpp"

namespace moetune::daemon::http {
namespace {

using kernels::testing::TempFolder;

using Fields = std::vector<std::pair<std::string, std::string>>;
using schema::ErrorCode;

Request request_with(const Fields& fields) {
  Request request;
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  return request;
}

std::optional<ErrorCode> refusal(const Access& access, const Fields& fields) {
  const auto allowed = access.check(request_with(fields));
  return allowed ? std::nullopt : std::optional(allowed.error().code);
}

TEST(AccessTest, TakesTheNamesOfLoopbackAndOfTheListenAddress) {
  const Access access({"gpu-box.lan", 8765}, std::nullopt);
  for (const char* host : {"localhost", "localhost:8765", "LOCALHOST:1", "127.0.0.1:8765", "[::1]:8765", "[::1]",
                           "gpu-box.lan:8765", "GPU-BOX.lan"}) {
    EXPECT_EQ(refusal(access, {{"Host", host}}), std::nullopt) << host;
  }
}

TEST(AccessTest, RefusesNamesThatCouldPointHere) {
  const Access access({"127.0.0.1", 8765}, std::nullopt);
  for (const char* host : {"evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.nip.example", "",
                           "10.0.0.1", "[::2]:80", "[::1", "[::1]x", "0.0.0.0"}) {
    EXPECT_EQ(refusal(access, {{"Host", host}}), ErrorCode::forbidden) << host;
  }
}

TEST(AccessTest, WantsOneHost) {
  const Access access({"127.0.0.1", 8765}, std::nullopt);
  EXPECT_EQ(refusal(access, {}), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(access, {{"Host", "localhost"}, {"host", "evil.example"}}), ErrorCode::invalid_argument);
}

TEST(AccessTest, OnEveryInterfaceTakesAddressesAndThisMachinesName) {
  const Access access({"0.0.0.0", 8765}, std::nullopt);
  std::array<char, 256> machine{};
  ASSERT_EQ(gethostname(machine.data(), machine.size() - 1), 0);
  for (const std::string& host : {std::string("10.1.2.3:8765"), std::string("[fe80::1]:8765"), std::string("0.0.0.0"),
                                  std::string(machine.data()) + ":8765"}) {
    EXPECT_EQ(refusal(access, {{"Host", host}}), std::nullopt) << host;
  }
  EXPECT_EQ(refusal(access, {{"Host", "evil.example"}}), ErrorCode::forbidden);
}

TEST(AccessTest, RefusesOtherOriginsThanItsOwn) {
  const Access access({"127.0.0.1", 8765}, std::nullopt);
  const std::string host = "localhost:8765";
  EXPECT_EQ(refusal(access, {{"Host", host}, {"Origin", "http://localhost:8765"}}), std::nullopt);
  for (const char* origin : {"http://evil.example", "http://localhost:3000", "http://localhost",
                             "https://localhost:8765", "http://127.0.0.1:8765", "null", ""}) {
    EXPECT_EQ(refusal(access, {{"Host", host}, {"Origin", origin}}), ErrorCode::forbidden) << origin;
  }
}

TEST(AccessTest, RefusesWhatAnotherPageLoadsButNotALinkToIt) {
  const Access access({"127.0.0.1", 8765}, std::nullopt);
  const auto fetch = [&](const char* site, const char* mode) {
    return refusal(access, {{"Host", "localhost"}, {"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode}});
  };
  EXPECT_EQ(fetch("cross-site", "no-cors"), ErrorCode::forbidden);
  EXPECT_EQ(fetch("same-site", "cors"), ErrorCode::forbidden);
  EXPECT_EQ(fetch("cross-site", "navigate"), std::nullopt);
  EXPECT_EQ(fetch("same-origin", "cors"), std::nullopt);
  EXPECT_EQ(fetch("none", "navigate"), std::nullopt);
}

TEST(AccessTest, AsksForTheTokenAfterItKnowsTheRequestIsMeantForIt) {
  const TempFolder folder;
  std::ofstream(folder.path() / "token") << "secret";
  chmod((folder.path() / "token").c_str(), 0600);
  auto token = Token::read(folder.path() / "token");
  ASSERT_TRUE(token) << token.error().message;
  const Access access({"127.0.0.1", 8765}, std::move(*token));
  EXPECT_EQ(refusal(access, {{"Host", "localhost"}}), ErrorCode::unauthorized);
  EXPECT_EQ(refusal(access, {{"Host", "localhost"}, {"Authorization", "Bearer wrong"}}), ErrorCode::unauthorized);
  EXPECT_EQ(refusal(access, {{"Host", "localhost"}, {"Authorization", "Bearer secret"}}), std::nullopt);
  EXPECT_EQ(
      refusal(access, {{"Host", "localhost"}, {"Authorization", "Bearer secret"}, {"Authorization", "Bearer wrong"}}),
      ErrorCode::unauthorized);
  EXPECT_EQ(refusal(access, {{"Host", "evil.example"}, {"Authorization", "Bearer secret"}}), ErrorCode::forbidden);
}

}  // namespace
}  // namespace moetune::daemon::http
