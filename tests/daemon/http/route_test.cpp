#include "daemon/http/route.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace moetune::daemon::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

RouteMatch match(std::string_view method, const std::vector<std::string>& segments) {
  return find_route(route_table(), method, segments);
}

TEST(RouteTest, FindsThePatternAndTheId) {
  const RouteMatch events = match("GET", {"sweeps", "17", "events"});
  ASSERT_NE(events.route, nullptr);
  EXPECT_EQ(events.route->pattern, "/sweeps/{id}/events");
  EXPECT_EQ(events.id, "17");
  EXPECT_EQ(match("GET", {}).route->pattern, "/");
}

TEST(RouteTest, TellsAWrongMethodFromAWrongPath) {
  EXPECT_EQ(match("DELETE", {"sweeps"}).route, nullptr);
  EXPECT_THAT(match("DELETE", {"sweeps"}).allowed, ElementsAre("GET", "HEAD", "POST"));
  EXPECT_THAT(match("GET", {"sweeps", "1", "pause"}).allowed, ElementsAre("POST"));
  for (const auto& segments : std::vector<std::vector<std::string>>{
           {"nothing"}, {"sweeps", "1", "stop"}, {"sweeps", "1", "pause", "now"}, {"best", ""}, {""}}) {
    EXPECT_THAT(match("GET", segments).allowed, IsEmpty()) << segments.front();
  }
}

TEST(RouteTest, AnswersHeadAsGet) {
  EXPECT_EQ(match("HEAD", {"best"}).route, match("GET", {"best"}).route);
}

TEST(RouteTest, HasEveryPairOfMethodAndPatternOnce) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const Route& route : route_table()) {
    EXPECT_TRUE(seen.emplace(route.method, route.pattern).second) << route.method << route.pattern;
    EXPECT_NE(route.handler, nullptr);
    EXPECT_EQ(route.body == BodyKind::none, route.media.empty()) << route.pattern;
  }
}

}  // namespace
}  // namespace moetune::daemon::http
