#include "schema/routing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Problem problem_of(std::int64_t experts, std::int64_t topk) {
  Problem problem;
  problem.num_experts = experts;
  problem.topk = topk;
  return problem;
}

TEST(RoutingTest, EqualRoutingsHaveEqualNames) {
  for (const auto& [given, canonical] : {std::pair{"uniform", "uniform"},
                                         {"zipf", "zipf:1"},
                                         {"zipf:1", "zipf:1"},
                                         {"zipf:1.0", "zipf:1"},
                                         {"zipf:1.20", "zipf:1.2"},
                                         {"zipf:0.75", "zipf:0.75"},
                                         {"zipf:4", "zipf:4"},
                                         {"counts:0123456789abcdef", "counts:0123456789abcdef"}}) {
    const auto routing = routing_from_name(given);
    ASSERT_TRUE(routing) << given << ": " << routing.error().message;
    EXPECT_EQ(name_of(*routing), canonical);
    EXPECT_EQ(canonical_routing(given), canonical);
    EXPECT_EQ(routing_from_name(name_of(*routing)).value(), *routing);
  }
}

TEST(RoutingTest, WhatIsNoRoutingIsNamed) {
  for (const auto& [name, part] : {std::pair{"skewed", "use uniform, zipf:S with S from 0.01 to 4"},
                                   {"", "is not known"},
                                   {"zipf:", "is not known"},
                                   {"zipf:1e0", "is not known"},
                                   {"zipf:nan", "must be from 0.01 to 4"},
                                   {"zipf:0", "must be from 0.01 to 4"},
                                   {"zipf:-1", "must be from 0.01 to 4"},
                                   {"zipf:4.5", "must be from 0.01 to 4"},
                                   {"zipf:1.234", "at most two decimals"},
                                   {"counts:12", "16 hexadecimal digits"},
                                   {"counts:0123456789ABCDEF", "16 hexadecimal digits"}}) {
    const auto routing = routing_from_name(name);
    ASSERT_FALSE(routing) << name;
    EXPECT_THAT(routing.error().message, HasSubstr(part)) << name;
    EXPECT_EQ(canonical_routing(name), name) << "rows from elsewhere keep their name";
  }
}

TEST(ExpertCountsTest, OneLayerIsAListOfOne) {
  const auto single = expert_counts_from_json(json::parse(R"({"counts": [3, 0, 5]})"));
  const auto listed = expert_counts_from_json(json::parse(R"({"layers": [[3, 0, 5]]})"));
  ASSERT_TRUE(single && listed);
  EXPECT_EQ(*single, *listed);
  EXPECT_EQ(to_json(*single).dump(), R"({"layers":[[3,0,5]]})");
  EXPECT_EQ(expert_counts_from_json(json(to_json(*single))).value(), *single);
}

TEST(ExpertCountsTest, BadContentIsNamed) {
  for (const auto& [text, part] :
       {std::pair{R"([1, 2])", "routing must be"},
        {R"({})", "counts, a list with the tokens of each expert, or layers"},
        {R"({"counts": [1], "layers": [[1]]})", "counts, a list with the tokens of each expert, or layers"},
        {R"({"counts": [1], "expert": 1})", "expert"},
        {R"({"counts": []})", "routing.counts must be a list of 1 to"},
        {R"({"counts": [1, 2.5]})", "the count of expert 1 must be a whole number"},
        {R"({"counts": [-1]})", "the count of expert 0 must be a whole number"},
        {R"({"layers": [[1], [true]]})", "routing.layers[1]: the count of expert 0"},
        {R"({"layers": []})", "routing.layers must be a list of 1 to"}}) {
    const auto counts = expert_counts_from_json(json::parse(text));
    ASSERT_FALSE(counts) << text;
    EXPECT_THAT(counts.error().message, HasSubstr(part)) << text;
  }
}

TEST(ExpertCountsTest, MustFitTheProblem) {
  const ExpertCounts counts{{{3, 1, 5, 7}, {0, 0, 2, 9}}};
  EXPECT_TRUE(check_expert_counts(counts, problem_of(4, 2)));
  EXPECT_THAT(check_expert_counts(counts, problem_of(8, 2)).error().message,
              HasSubstr("layer 0 has counts of 4 experts, and the problem has 8"));
  EXPECT_THAT(check_expert_counts(counts, problem_of(4, 3)).error().message,
              HasSubstr("in layer 1 only 2 experts have a count above 0"));
}

}  // namespace
}  // namespace moetune::schema
