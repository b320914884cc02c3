#include "cli/traffic_table.hpp"

#include <gmock/gmock.h>

#include "tests/must.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> lines_of(const ordered_json& answer) {
  return must(traffic_table(answer)).lines({}, 0);
}

TEST(TrafficTableTest, BarsShowShareOfTimeWhereTimesAreKnown) {
  const auto lines = lines_of(
      {{"batches",
        {{{"tokens", 1}, {"steps", 300}, {"time_ms", 5.0}}, {{"tokens", 2048}, {"steps", 100}, {"time_ms", 5.0}}}}});
  EXPECT_THAT(lines, ElementsAre("tokens  steps  of steps  step ms  of time  share of time",
                                 "     1    300     75.0%     5.00    75.0%  ##############################",
                                 "  2048    100     25.0%     5.00    25.0%  ##########"));
}

TEST(TrafficTableTest, WithoutTimesTheyShowShareOfSteps) {
  const auto lines = lines_of({{"batches", {{{"tokens", 8}, {"steps", 3}, {"time_ms", nullptr}}}}});
  EXPECT_THAT(lines, ElementsAre("tokens  steps  of steps  step ms  of time  share of steps",
                                 "     8      3    100.0%        -        -  ##############################"));
}

TEST(TrafficTableTest, ManySizesArePutTogetherUpToPowersOfTwo) {
  ordered_json batches = ordered_json::array();
  for (int tokens = 1; tokens <= 100; ++tokens) batches.push_back({{"tokens", tokens}, {"steps", 1}});
  const auto lines = lines_of({{"batches", batches}});
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_THAT(lines[1], HasSubstr("    1      1"));
  EXPECT_THAT(lines[4], HasSubstr("   5-8      4"));
  EXPECT_THAT(lines[8], HasSubstr("65-100     36"));
}

TEST(TrafficTableTest, AnAnswerThatIsNoneIsNamed) {
  EXPECT_THAT(traffic_table({{"batches", {{{"tokens", "x"}}}}}).error().message, HasSubstr("/traffic"));
  EXPECT_FALSE(traffic_table(ordered_json::object()));
}

}  // namespace
}  // namespace moetune::cli
