#include "daemon/search/space.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace moetune::daemon::search {
namespace {

using schema::BlockShape;
using schema::Dtype;
using schema::Problem;
using schema::TileConfig;

const Problem k_fp8{256, 512, 2048, 8, Dtype::fp8_w8a8, schema::ActDtype::bfloat16, BlockShape{128, 128}, true, false};
const Problem k_bf16{128, 768, 2048, 8, Dtype::none, schema::ActDtype::bfloat16, std::nullopt, true, false};

TEST(SpaceTest, VllmSpaceHasThePublishedSizes) {
  const auto space = space_from_json("vllm").value();
  EXPECT_EQ(configurations(space, k_bf16)->size(), 1920u);
  const auto fp8 = configurations(space, k_fp8).value();
  EXPECT_EQ(fp8.size(), 320u);
  EXPECT_TRUE(std::ranges::all_of(fp8, [](const TileConfig& config) { return config.block_size_k == 128; }));
}

TEST(SpaceTest, WideSpaceAlsoDividesTheQuantisationBlock) {
  const auto wide = configurations(space_from_json("wide").value(), k_fp8).value();
  EXPECT_TRUE(std::ranges::any_of(wide, [](const TileConfig& config) { return config.block_size_n == 64; }));
  EXPECT_TRUE(std::ranges::is_sorted(wide));
  EXPECT_EQ(std::set<TileConfig>(wide.begin(), wide.end()).size(), wide.size());
}

nlohmann::json file_space() {
  return {{"BLOCK_SIZE_M", {16, 64}}, {"BLOCK_SIZE_N", {64, 128}}, {"BLOCK_SIZE_K", {64, 128, 256}},
          {"GROUP_SIZE_M", {1}},      {"num_warps", {4}},          {"num_stages", {3}}};
}

TEST(SpaceTest, ConstraintsOfAFileNarrowIt) {
  nlohmann::json file = file_space();
  EXPECT_EQ(configurations(space_from_json(file).value(), k_bf16)->size(), 12u);
  EXPECT_EQ(configurations(space_from_json(file).value(), k_fp8)->size(), 8u);  // BLOCK_SIZE_K 256 runs as 128
  file["constraints"] = {"BLOCK_SIZE_M * BLOCK_SIZE_N <= 4096", "BLOCK_SIZE_K % 128 == 0"};
  EXPECT_EQ(configurations(space_from_json(file).value(), k_bf16)->size(), 6u);
}

TEST(SpaceTest, BadFilesAreNamed) {
  const auto message = [](nlohmann::json file) {
    auto space = space_from_json(file);
    if (!space) return space.error().message;
    auto configs = configurations(*space, k_bf16);
    return configs ? std::string() : configs.error().message;
  };
  EXPECT_EQ(message("tiny"), "space \"tiny\" is not known; use vllm, wide, or a space object");
  nlohmann::json file = file_space();
  file.erase("num_warps");
  EXPECT_EQ(message(file), "space.num_warps is required and missing");
  file = file_space();
  file["BLOCK_SIZE_M"] = {48};
  EXPECT_EQ(message(file), "space.BLOCK_SIZE_M must hold powers of two, not 48");
  file = file_space();
  file["constraints"] = {"BLOCK_SIZE_Q < 3"};
  EXPECT_NE(message(file).find("space constraint \"BLOCK_SIZE_Q < 3\": "), std::string::npos) << message(file);
  file["constraints"] = {"BLOCK_SIZE_M > 4096"};
  EXPECT_NE(message(file).find("has no configuration"), std::string::npos);
  file["constraints"] = 3;
  EXPECT_NE(message(file).find("space.constraints must be an array"), std::string::npos);
  file = file_space();
  file["colour"] = 1;
  EXPECT_NE(message(file).find("no field \"colour\""), std::string::npos);
}

TEST(SpaceTest, WhatTakesTooLongToEvaluateIsRefused) {
  nlohmann::json file = file_space();
  file["BLOCK_SIZE_M"] = {16, 32, 64, 128};
  file["num_warps"] = {1, 2, 4, 8};
  file["GROUP_SIZE_M"] = nlohmann::json::array();
  for (int group = 1; group <= 64; ++group) file["GROUP_SIZE_M"].push_back(group);  // 6144 configurations
  file["constraints"] = std::vector<std::string>(32, "1 " + std::string(998, ' '));
  EXPECT_TRUE(space_from_json(file));
  file["constraints"] = std::vector<std::string>(33, "1 " + std::string(998, ' '));
  const auto refused = space_from_json(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, schema::ErrorCode::too_large);
  EXPECT_EQ(refused.error().message,
            "space.constraints have 33000 characters, at most 32552 are allowed with 6144 configurations");
}

}  // namespace
}  // namespace moetune::daemon::search
