#include "schema/tile_config.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

constexpr TileConfig k_config{64, 128, 128, 16, 4, 3};

TEST(TileConfigTest, WritesTheEnginesKeysInTheirOrder) {
  EXPECT_EQ(
      to_json(k_config).dump(),
      R"({"BLOCK_SIZE_M":64,"BLOCK_SIZE_N":128,"BLOCK_SIZE_K":128,"GROUP_SIZE_M":16,"num_warps":4,"num_stages":3})");
}

TEST(TileConfigTest, ReadsWhatItWrites) {
  EXPECT_EQ(tile_config_from_json(nlohmann::json(to_json(k_config))).value(), k_config);
}

TEST(TileConfigTest, RefusesWhatNoKernelAccepts) {
  const auto with = [](const char* field, nlohmann::json value) {
    nlohmann::json object = to_json(k_config);
    object[field] = std::move(value);
    return tile_config_from_json(object);
  };
  EXPECT_EQ(with("BLOCK_SIZE_M", 48).error().message, "config.BLOCK_SIZE_M must be a power of two, not 48");
  EXPECT_EQ(with("num_warps", 3).error().message, "config.num_warps must be a power of two, not 3");
  EXPECT_EQ(with("num_stages", 0).error().message, "config.num_stages must be between 1 and 16, not 0");
  EXPECT_TRUE(with("GROUP_SIZE_M", 3).has_value());
  EXPECT_FALSE(with("waves_per_eu", 1).has_value());
}

constexpr TileConfig k_down{64, 64, 64, 1, 8, 4};

TEST(TileConfigTest, APairHoldsATileForEachGemm) {
  const TileConfig pair = paired(k_config, k_down);
  EXPECT_EQ(up_tile(pair), k_config);
  EXPECT_EQ(down_tile(pair), k_down);
  EXPECT_EQ(short_text(pair), "64x128x128 g16 w4 s3 | 64x64x64 g1 w8 s4");
  EXPECT_EQ(paired(k_config, k_config), k_config);
  EXPECT_EQ(down_tile(k_config), k_config);
  EXPECT_NE(pair, k_config);
}

TEST(TileConfigTest, APairIsReadAsItIsWritten) {
  const TileConfig pair = paired(k_config, k_down);
  nlohmann::json object = to_json(pair);
  EXPECT_EQ(object["down"]["BLOCK_SIZE_M"], 64);
  EXPECT_EQ(tile_config_from_json(object).value(), pair);
  object["down"]["BLOCK_SIZE_M"] = 32;
  EXPECT_EQ(tile_config_from_json(object).error().message,
            "config.down.BLOCK_SIZE_M must be 64 as in config, not 32: both GEMMs share one alignment");
  object["down"] = nlohmann::json(to_json(k_config));
  EXPECT_EQ(tile_config_from_json(object).value(), k_config);
  object["down"]["down"] = nlohmann::json(to_json(k_config));
  EXPECT_EQ(tile_config_from_json(object).error().message,
            "config.down has no field \"down\"; its fields are BLOCK_SIZE_K, BLOCK_SIZE_M, BLOCK_SIZE_N, GROUP_SIZE_M, "
            "num_stages, num_warps");
}

}  // namespace
}  // namespace moetune::schema
