#include "schema/candidate_set.hpp"

#include <gmock/gmock.h>

namespace moetune::schema {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* k_name = "E=8,N=256,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
constexpr const char* k_row =
    R"({"BLOCK_SIZE_M":64,"BLOCK_SIZE_N":128,"BLOCK_SIZE_K":128,"GROUP_SIZE_M":16,"num_warps":8,"num_stages":4)";

std::string row(const std::string& more = "") {
  return k_row + more + "}";
}

CandidateSet set_of(const std::string& path, const std::string& text,
                    const std::optional<std::string>& version = std::nullopt) {
  auto set = candidate_set_from_file({path, version, text});
  EXPECT_TRUE(set) << path << ": " << (set ? "" : set.error().message);
  return set.value_or(CandidateSet());
}

TEST(CandidateSetTest, ItsNameTellsWhereItComesFrom) {
  const std::string plain = "E=8,N=256,device_name=NVIDIA_H200.json";
  const auto name = [&](const std::string& path, const std::optional<std::string>& version = {}) {
    return set_of(path, "{}", version).name;
  };
  EXPECT_EQ(name(plain), plain);
  EXPECT_EQ(name("/x/vllm/configs/" + plain, "0.33.0"), "vllm-0.33.0/" + plain);
  EXPECT_EQ(name("/x/vllm/configs/" + plain), "vllm/" + plain);
  EXPECT_EQ(name("/x/sglang/configs/triton_3_5_1/" + plain, "0.5.23"), "sglang-0.5.23/triton_3_5_1/" + plain);
  EXPECT_EQ(name("mine/triton_3_5_1/" + plain), "sglang/triton_3_5_1/" + plain);
  EXPECT_EQ(name("/x/sglang/vllm/configs/" + plain), "vllm/" + plain) << "the innermost package counts";
  EXPECT_EQ(name(std::string("/x/sglang/") + k_name), std::string("vllm/") + k_name) << "spelling says most";
  EXPECT_EQ(set_of(plain, R"({"triton_version": "3.6.0"})").name, "vllm/" + plain);
}

TEST(CandidateSetTest, KeepsEverythingThatStandsInTheFile) {
  const std::string text = R"({"triton_version": "3.6.0", "1": )" + row(R"(,"kpack":2)") + R"(, "odd": null})";
  const auto set = set_of(k_name, text);
  EXPECT_EQ(json::parse(engine_rows_text(set.rows)), json::parse(text));
  EXPECT_FALSE(set.canonical);
  EXPECT_EQ(set.bytes, std::ssize(text));
  EXPECT_TRUE(set_of(k_name, engine_rows_text(set.rows)).canonical);
}

TEST(CandidateSetTest, TakesTheRowsThatTheEngineWouldFind) {
  const TileConfig tile{64, 128, 128, 16, 8, 4};
  const auto tiles = candidate_tiles(set_of(k_name, R"({"triton_version":"3","64":)" + row() + R"(,"2":{},"2":)" +
                                                        row() + R"(,"x":{},"0":{},"8":{"tile_m":16}})"));
  EXPECT_EQ(tiles.rows, (std::vector<std::pair<std::int64_t, TileConfig>>{{2, tile}, {64, tile}}));
  EXPECT_EQ(tiles.unusable, 3) << "a key that is no number, batch 0, and a row of another kernel";
}

TEST(CandidateSetTest, LeavesAmdsFieldsAsideAndRowsOfOtherKernelsOut) {
  const std::string amd = row(R"(,"waves_per_eu":0,"matrix_instr_nonkdim":16,"kpack":2,"SPLIT_K":1)");
  const auto tiles = candidate_tiles(set_of("E=8,N=256,device_name=AMD_Instinct_MI300X.json", "{\"1\":" + amd + "}"));
  ASSERT_EQ(tiles.rows.size(), 1U);
  EXPECT_EQ(tiles.rows[0].second, (TileConfig{64, 128, 128, 16, 8, 4}));
  EXPECT_EQ(candidate_tiles(set_of(k_name, "{\"1\":" + row(R"(,"SPLIT_K":4)") + "}")).unusable, 1);
  const auto other = candidate_tiles(
      set_of("E=8,N=256,device_name=AMD_Instinct_MI355_OAM,dtype=fp8_w8a8,backend=flydsl.json", "{\"1\":" + amd + "}"));
  EXPECT_TRUE(other.rows.empty());
  EXPECT_EQ(other.unusable, 1);
}

TEST(CandidateSetTest, SaysWhyAFileIsNotRead) {
  const auto reason = [](const std::string& path, const std::string& text) {
    const auto set = candidate_set_from_file({path, {}, text});
    return set ? "read" : set.error().message;
  };
  EXPECT_THAT(reason("configs/README.json", "{}"), HasSubstr("does not start with E="));
  EXPECT_THAT(reason(k_name, "{"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(reason(k_name, "[]"), HasSubstr("no object of rows"));
  // Four bytes a row, and six lines in the form in which it would be kept.
  std::string large = "{\"1\":{";
  for (int i = 0; i < 64; ++i) large += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  large += "}";
  for (int i = 2; i < 1000; ++i)
    large += ",\"" + std::to_string(i) + "\":{" + large.substr(6, large.find('}') - 6) + "}";
  EXPECT_LT(large.size(), k_max_engine_file);
  EXPECT_THAT(reason(k_name, large + "}"), HasSubstr("at most 1048576 are kept"));
}

TEST(CandidateSetTest, ARequestIsReadStrictly) {
  const auto message = [](const char* text) {
    const auto files = candidate_files_from_json(json::parse(text));
    return files ? "read" : files.error().message;
  };
  EXPECT_EQ(message(R"({"files":[{"path":"a","text":""},{"path":"b","text":"{}","engine_version":null}]})"), "read");
  EXPECT_THAT(message("{}"), HasSubstr("import.files"));
  EXPECT_THAT(message(R"({"files":[]})"), HasSubstr("1 to 1000 files"));
  EXPECT_THAT(message(R"({"files":{}})"), HasSubstr("1 to 1000 files"));
  EXPECT_THAT(message(R"({"files":[{"path":"a","text":""},{"path":"b"}]})"), HasSubstr("files[1].text"));
  EXPECT_THAT(message(R"({"files":[{"path":"","text":""}]})"), HasSubstr("files[0].path"));
  EXPECT_THAT(message(R"({"files":[{"path":"a","text":"","engine":"vllm"}]})"), HasSubstr("engine"));
  EXPECT_THAT(message(R"({"files":[{"path":"a","text":""}],"more":1})"), HasSubstr("more"));
}

}  // namespace
}  // namespace moetune::schema
