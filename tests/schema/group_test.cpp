#include "schema/group.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

const Group k_group{
    "NVIDIA_H200", {256, 512, 2048, 8, Dtype::fp8_w8a8, ActDtype::bfloat16, BlockShape{128, 128}, true, false},
    "cuda",        "abc",
    "nvrtc 13.0",  L2::cold,
    "uniform",     Origin::measured};

TEST(GroupFilterTest, AnEmptyFilterMatchesEverything) {
  EXPECT_TRUE(GroupFilter{}.matches(k_group));
}

TEST(GroupFilterTest, EveryFieldOfAGroupNarrows) {
  nlohmann::ordered_json fields;
  write_group(k_group, fields);
  EXPECT_EQ(fields.size(), 17u);
  for (const auto& [name, value] : fields.items()) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    GroupFilter same;
    EXPECT_TRUE(same.set(name, text).value()) << name;
    EXPECT_TRUE(same.matches(k_group)) << name;
  }
  const std::pair<const char*, const char*> others[] = {{"device", "X"},
                                                        {"E", "8"},
                                                        {"N", "8"},
                                                        {"hidden_size", "8"},
                                                        {"topk", "1"},
                                                        {"dtype", "none"},
                                                        {"act_dtype", "float16"},
                                                        {"block_shape", "none"},
                                                        {"gated", "0"},
                                                        {"per_channel_quant", "1"},
                                                        {"router_weight_on_input", "1"},
                                                        {"kernel", "vllm"},
                                                        {"kernel_digest", "x"},
                                                        {"compiler", "x"},
                                                        {"l2", "warm"},
                                                        {"routing", "zipf"},
                                                        {"origin", "imported"}};
  for (const auto& [name, value] : others) {
    GroupFilter other;
    EXPECT_TRUE(other.set(name, value).value()) << name;
    EXPECT_FALSE(other.matches(k_group)) << name;
  }
}

TEST(GroupFilterTest, AsksForARoutingByAnyOfItsNames) {
  Group group = k_group;
  group.routing = "zipf:1";
  for (const char* name : {"zipf", "zipf:1", "zipf:1.00"}) {
    GroupFilter filter;
    EXPECT_TRUE(filter.set("routing", name).value());
    EXPECT_TRUE(filter.matches(group)) << name;
  }
  GroupFilter other;
  EXPECT_TRUE(other.set("routing", "as_traced_by_somebody").value());
  EXPECT_EQ(other.routing, "as_traced_by_somebody") << "imported rows may have any name";
}

TEST(GroupFilterTest, BadValuesNameTheField) {
  GroupFilter filter;
  EXPECT_FALSE(filter.set("color", "red").value());
  EXPECT_EQ(filter.set("E", "12x").error().message.substr(0, 22), "E must be an integer b");
  EXPECT_EQ(filter.set("gated", "yes").error().message, "gated must be 0, 1, true or false, not \"yes\"");
  for (const char* name : {"dtype", "act_dtype", "l2", "origin", "block_shape", "topk", "device"}) {
    EXPECT_FALSE(filter.set(name, "").has_value()) << name;
  }
}

}  // namespace
}  // namespace moetune::schema
