#include "schema/engine_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/engine_file.hpp"

namespace moetune::schema {
namespace {

using testing::HasSubstr;

constexpr const char* k_canonical =
    "{\n    \"triton_version\": \"3.6.0\",\n    \"64\": {\n        \"BLOCK_SIZE_M\": 64,\n        \"kpack\": 2,\n"
    "        \"kpack\": 1,\n        \"USE_TMA\": true,\n        \"grf_mode\": \"256\"\n    },\n    \"1\": {},\n"
    "    \"64\": {\n        \"odd \\u00fc\": null\n    }\n}\n";

TEST(EngineRowsTest, KeepsOrderRepeatsAndUnknownFields) {
  const auto rows = engine_rows_from_text(k_canonical);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->entries.size(), 4U);
  EXPECT_EQ(rows->triton_version(), "3.6.0");
  EXPECT_EQ(rows->entries[0].row(), nullptr);
  EXPECT_EQ(rows->entries[1].key, "64");
  ASSERT_EQ(rows->entries[1].row()->size(), 5U);
  EXPECT_EQ((*rows->entries[1].row())[1], (EngineField{"kpack", 2}));
  EXPECT_EQ((*rows->entries[1].row())[2], (EngineField{"kpack", 1}));
  EXPECT_TRUE(rows->entries[2].row()->empty());
  EXPECT_EQ(engine_rows_text(*rows), k_canonical);
}

TEST(EngineRowsTest, ReadsBackEveryFileThatIsWritten) {
  const TileConfig up{64, 128, 128, 16, 4, 4};
  const TileConfig down{64, 64, 128, 1, 8, 2};
  for (const auto& configs : {std::vector<std::pair<std::int64_t, TileConfig>>(),
                              std::vector<std::pair<std::int64_t, TileConfig>>{{1, down}, {4096, paired(up, down)}}}) {
    for (const Gemm gemm : {Gemm::up, Gemm::down}) {
      for (const EngineFormat format : {EngineFormat::vllm, EngineFormat::sglang}) {
        const std::string bytes = engine_file_bytes(format, configs, "3.6.0", gemm);
        const auto rows = engine_rows_from_text(bytes);
        ASSERT_TRUE(rows) << rows.error().message;
        EXPECT_EQ(engine_rows_text(*rows), bytes);
        for (std::size_t i = 0; i < configs.size(); ++i) {
          const EngineEntry& entry = rows->entries[rows->entries.size() - configs.size() + i];
          EXPECT_EQ(engine_key(entry.key), configs[i].first);
          EXPECT_EQ(tile_of(*entry.row()).value(),
                    gemm == Gemm::up ? up_tile(configs[i].second) : down_tile(configs[i].second));
        }
      }
    }
  }
}

TEST(EngineRowsTest, OtherLayoutsBecomeCanonical) {
  const auto rows = engine_rows_from_text("{\"1\":{\"num_warps\":4,\"BLOCK_SIZE_M\":16}}");
  ASSERT_TRUE(rows);
  EXPECT_EQ(engine_rows_text(*rows),
            "{\n    \"1\": {\n        \"num_warps\": 4,\n        \"BLOCK_SIZE_M\": 16\n    }\n}\n");
}

TEST(EngineRowsTest, SaysWhereAFileIsNone) {
  const std::map<std::string, std::string> refused = {
      {"", "the file is not valid JSON: parse error at line 1, column 1"},
      {"{\n  \"1\": {,}\n}", "line 2, column 9"},
      {"[1]", "is no object of rows by batch size; it is an array"},
      {"7", "it is a plain value"},
      {"{\"1\": [16]}", "at key 1, \"1\", which is an array"},
      {"{\"1\": {\"a\": 1}, \"2\": {\"b\": {}}}", "at key 2, \"2\", whose field \"b\" is an object"},
      {"{\"1\": {\"a\": [1]}}", "at key 1, \"1\", whose field \"a\" is an array"},
      {"{} {}", "not valid JSON"},
      {"{\"1\": {\"a\": NaN}}", "not valid JSON"},
      {std::string(100000, '['), "array"},
  };
  for (const auto& [text, reason] : refused) {
    const auto rows = engine_rows_from_text(text);
    ASSERT_FALSE(rows) << text.substr(0, 60);
    EXPECT_THAT(rows.error().message, HasSubstr(reason));
    EXPECT_LT(rows.error().message.size(), 400U);
  }
}

TEST(EngineRowsTest, HasLimits) {
  std::string keys = "{\"0\":1";
  for (std::size_t i = 0; i < k_max_engine_entries; ++i) keys += ",\"1\":1";
  std::string fields = "{\"1\":{\"a\":1";
  for (std::size_t i = 0; i < k_max_engine_fields; ++i) fields += ",\"a\":1";
  for (const std::string& text : {keys + "}", fields + "}}", std::string(k_max_engine_file + 1, ' ')}) {
    const auto rows = engine_rows_from_text(text);
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::too_large) << rows.error().message;
  }
}

TEST(EngineRowsTest, KeysAreNumbersAsPythonReadsThem) {
  const std::map<std::string, std::optional<std::int64_t>> keys = {{"1", 1},
                                                                   {"4096", 4096},
                                                                   {" 8 ", 8},
                                                                   {"+8", 8},
                                                                   {"-8", -8},
                                                                   {"0008", 8},
                                                                   {"0", 0},
                                                                   {"000", 0},
                                                                   {"1_000", 1000},
                                                                   {"1__0", std::nullopt},
                                                                   {"_1", {}},
                                                                   {"1_", {}},
                                                                   {"", {}},
                                                                   {" ", {}},
                                                                   {"1.0", {}},
                                                                   {"1e3", {}},
                                                                   {"0x10", {}},
                                                                   {"x", {}},
                                                                   {"- 8", {}},
                                                                   {"8 8", {}},
                                                                   {"-", {}},
                                                                   {"batch_1", {}},
                                                                   {"triton_version", {}},
                                                                   {"999999999999999999", 999999999999999999},
                                                                   {"1000000000000000000", {}}};
  for (const auto& [key, number] : keys) EXPECT_EQ(engine_key(key), number) << key;
}

TEST(EngineRowsTest, ATileNeedsItsFields) {
  const std::vector<EngineField> row = {
      {"BLOCK_SIZE_K", 64}, {"BLOCK_SIZE_M", 16}, {"BLOCK_SIZE_N", 32}, {"GROUP_SIZE_M", 8}, {"waves_per_eu", 0}};
  EXPECT_EQ(tile_of(row).value(), (TileConfig{16, 32, 64, 8, 4, 3}));
  EXPECT_THAT(tile_of({row.begin() + 1, row.end()}).error().message, HasSubstr("BLOCK_SIZE_K is required"));
  auto twice = row;
  twice.push_back({"BLOCK_SIZE_M", 16});
  EXPECT_THAT(tile_of(twice).error().message, HasSubstr("BLOCK_SIZE_M appears twice"));
}

}  // namespace
}  // namespace moetune::schema
