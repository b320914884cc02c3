#include <gmock/gmock.h>

#include "tests/daemon/http/server_fixture.hpp"

namespace moetune::daemon::http {
namespace {

using nlohmann::json;

class TrafficRoutesTest : public ServerTest {
 protected:
  void SetUp() override { start(); }
  Reply import(const char* name, int tokens) {
    return post(
        "/traffic",
        json{{"name", name}, {"source", "cudagraph"}, {"lines", 1}, {"batches", {{{"tokens", tokens}, {"steps", 4}}}}}
            .dump());
  }
};

TEST_F(TrafficRoutesTest, TheNewestImportIsAnsweredUnlessOneIsChosen) {
  EXPECT_EQ(import("a.log", 8).json()["id"], 1);
  const Reply second = import("b.log", 64);
  EXPECT_EQ(second.json()["id"], 2);
  EXPECT_EQ(get("/traffic").json(), second.json());
  EXPECT_EQ(get("/traffic").json()["batches"][0]["tokens"], 64);
  EXPECT_EQ(get("/traffic?id=1").json()["name"], "a.log");
  EXPECT_EQ(get("/traffic?id=1").json()["imports"].size(), 2U);
}

}  // namespace
}  // namespace moetune::daemon::http
