#include "daemon/http/http_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/http/slots.hpp"

namespace moetune::daemon::http {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST(HttpMetricsTest, CountsByRouteMethodAndStatusWithCumulativeBuckets) {
  HttpMetrics metrics;
  metrics.count("GET", "/best", 200, milliseconds(2));
  metrics.count("GET", "/best", 200, milliseconds(60));
  metrics.count("GET", "/best", 404, std::chrono::minutes(2));
  metrics.count("POST", "", 404, milliseconds(1));
  std::string text;
  metrics.write(text);
  EXPECT_THAT(text, HasSubstr("moetune_http_requests_total{route=\"/best\",method=\"GET\",status=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("moetune_http_requests_total{route=\"/best\",method=\"GET\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("moetune_http_requests_total{route=\"unknown\",method=\"POST\",status=\"404\"} 1\n"));
  const std::string bucket = "moetune_http_request_duration_seconds_bucket{route=\"/best\",le=\"";
  EXPECT_THAT(text, HasSubstr(bucket + "0.001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "0.0025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "0.1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "30\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("moetune_http_request_duration_seconds_count{route=\"/best\"} 3\n"));
}

TEST(SlotsTest, AreGivenBackWithTheLastCopy) {
  Slots slots("event streams", 2);
  auto first = slots.take();
  auto second = slots.take();
  ASSERT_TRUE(first && second);
  const auto third = slots.take();
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, schema::ErrorCode::unavailable);
  EXPECT_THAT(third.error().message, HasSubstr("event streams"));
  const auto copy = *first;
  first->reset();
  EXPECT_FALSE(slots.take());
  second->reset();
  EXPECT_TRUE(slots.take());
  EXPECT_EQ(slots.taken(), 1U);
}

}  // namespace
}  // namespace moetune::daemon::http
