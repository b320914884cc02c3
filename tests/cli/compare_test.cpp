// `compare` with a daemon that answers as the test tells it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/engine_file.hpp"
#include "tests/cli/commands_fixture.hpp"
#include "tests/cli/sample_comparison.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* k_name = "E=8,N=512,device_name=NVIDIA_H200.json";

class CompareTest : public CommandsTest {
 protected:
  CompareTest() {
    daemon_.on(
        "GET /doctor",
        {.body = R"({"version":"1","checks":[],"gpus":[{"index":0,"name":"NVIDIA_H200","raw_name":"NVIDIA H200"}]})"});
    daemon_.on("GET /problems", {.body = R"({"items":[],"next":null})"});
    daemon_.on("GET /best", error_answer(404, "not_found", "nothing known"));
    daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
    daemon_.on("POST /uploads", {.status = 201, .body = R"({"id":"upload-7"})"});
    auto sweep = sample_sweep("done", 5760, 0);
    schema::write_problem(sample_problem(), sweep["spec"]);
    serve_sweep(sweep);
    answers({compared_batch(1, {contender(k_standard, 100), contender(k_tuned, 80)}, {pair(0, 1, "slower", 0.8)})});
  }
  void answers(const std::vector<ordered_json>& batches) {
    daemon_.on("GET /sweeps/3/comparison", {.body = sample_comparison(batches).dump()});
  }
  void serve_best(const std::string& results) {
    daemon_.on("GET /best", {.body = fmt::format(R"({{"results":[{}]}})", results)});
  }
  static std::string group(const std::string& origin, int batch, const schema::TileConfig& config) {
    const std::string tile = schema::to_json(config).dump();
    return fmt::format(
        R"({{"device":"NVIDIA_H200","kernel":"vllm","origin":"{}","configs":{{"{}":{{"config":{},"latency_us":1,)"
        R"("default_latency_us":null,"speedup":null,"samples":3,)"
        R"("chosen":{{"config":{},"latency_us":1,"default":false}},"reason":"r"}}}}}})",
        origin, batch, tile, tile);
  }
  std::string file(const std::vector<std::pair<std::int64_t, schema::TileConfig>>& rows = {{1, k_tuned}}) const {
    return folder_.file(k_name, schema::engine_file_bytes(schema::EngineFormat::vllm, rows, std::nullopt)).string();
  }
  ExitStatus compare(const std::string& path, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"compare", path});
    return run_with(more);
  }
  /// With the sizes that no name carries.
  ExitStatus compare_whole(const std::string& path, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--hidden-size", "1024", "--topk", "2"});
    return compare(path, more);
  }
  ordered_json created() const {
    const auto seen = daemon_.seen("POST /sweeps");
    return seen.size() == 1 ? ordered_json::parse(seen.front().body) : ordered_json();
  }
  static ordered_json candidate(std::int64_t batch, const schema::TileConfig& config) {
    return {{"batch", batch}, {"config", schema::to_json(config)}};
  }
};

TEST_F(CompareTest, MeasuresTheRowsAtTheKeysAndBetweenThem) {
  EXPECT_EQ(compare_whole(file({{4, k_tuned}, {16, k_other}}), {"--max-batch", "24"}), ExitStatus::done) << err();
  const ordered_json spec = created();
  EXPECT_EQ(spec["E"], 8);
  EXPECT_EQ(spec["hidden_size"], 1024);
  EXPECT_EQ(spec["kernel"], "vllm");
  EXPECT_EQ(spec["rounds"], ordered_json::object());
  std::vector<std::string> candidates;
  for (const auto& item : spec["candidates"]) {
    candidates.push_back(fmt::format("{}: {}", item["batch"].dump(), item["config"]["BLOCK_SIZE_M"].dump()));
  }
  EXPECT_THAT(candidates, ElementsAre("1: 16", "2: 16", "4: 16", "10: 16", "16: 32", "24: 32"));
}

TEST_F(CompareTest, TheBestKnownCompetesAtTheNearestKey) {
  serve_best(group("recorded", 1, k_standard) + "," + group("measured", 8, k_other));
  EXPECT_EQ(compare_whole(file(), {"--batch", "2,1"}), ExitStatus::done) << err();
  EXPECT_EQ(created()["candidates"],
            ordered_json({candidate(1, k_tuned), candidate(1, k_other), candidate(2, k_tuned), candidate(2, k_other)}));
  EXPECT_EQ(created()["best_known"], true);
  const auto asked = daemon_.seen("GET /best");
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(asked[0].target, AllOf(HasSubstr("E=8"), HasSubstr("topk=2"), HasSubstr("kernel=vllm"),
                                     HasSubstr("l2=cold"), HasSubstr("dtype=none")));
}

TEST_F(CompareTest, WhatIsBestOnAnotherDeviceIsNoCompetitor) {
  std::string elsewhere = group("measured", 1, k_other);
  elsewhere.replace(elsewhere.find("NVIDIA_H200"), 11, "NVIDIA_L20");
  serve_best(elsewhere);
  EXPECT_EQ(compare_whole(file(), {"--batch", "1"}), ExitStatus::done) << err();
  EXPECT_EQ(created()["candidates"], ordered_json({candidate(1, k_tuned)}));
  EXPECT_FALSE(created().contains("best_known"));
}

TEST_F(CompareTest, PrintsTableAndVerdict) {
  EXPECT_EQ(compare_whole(file(), {"--batch", "1"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("intervals of 99 %, differences below 1 % are none"), HasSubstr(k_name),
                           HasSubstr("1.250x"), HasSubstr("better than the default: faster at 1 batch")));
}

TEST_F(CompareTest, AFileThatLosesSomewhereFailsTheCommand) {
  answers({compared_batch(1, {contender(k_standard, 100), contender(k_tuned, 120)}, {pair(0, 1, "faster", 1.2)})});
  EXPECT_EQ(compare_whole(file(), {"--batch", "1"}), ExitStatus::failed);
  EXPECT_THAT(out(), HasSubstr("it loses against the default at 1 batch"));
  answers({compared_batch(1, {contender(k_standard, 100), refused(k_tuned, "out_of_resources")}, {})});
  EXPECT_EQ(compare_whole(file(), {"--batch", "1"}), ExitStatus::failed);
  EXPECT_THAT(out(), HasSubstr("the engine fails at 1 (out_of_resources)"));
}

TEST_F(CompareTest, PrintsOneObject) {
  EXPECT_EQ(compare_whole(file(), {"--json", "--batch", "1"}), ExitStatus::done) << err();
  const auto answer = ordered_json::parse(out());
  EXPECT_EQ(answer["sweep"], 3);
  EXPECT_EQ(answer["rounds"]["level"], 0.99);
  ASSERT_THAT(answer["files"], SizeIs(1));
  EXPECT_EQ(answer["files"][0]["good"], true);
}

TEST_F(CompareTest, FlagsSayHowManyRoundsAndHowSure) {
  EXPECT_EQ(compare_whole(file(), {"--batch", "1", "--rounds", "12,30", "--level", "95", "--min-gain", "0.5"}),
            ExitStatus::done)
      << err();
  EXPECT_EQ(created()["rounds"], ordered_json({{"least", 12}, {"most", 30}, {"level", 0.95}, {"min_gain", 0.005}}));
}

TEST_F(CompareTest, TooFewRoundsAreRefusedBeforeAnythingIsAsked) {
  EXPECT_EQ(compare_whole(file(), {"--rounds", "5"}), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr("--rounds.least must be at least 8 for level 0.99, not 5"));
  EXPECT_EQ(compare_whole(file(), {"--rounds", "10,20,30"}), ExitStatus::usage);
  EXPECT_THAT(daemon_.seen(), IsEmpty());
}

TEST_F(CompareTest, WhatTheNameDoesNotTellComesFromTheDatabase) {
  daemon_.on("GET /problems",
             {.body = R"({"items":[{"E":8,"N":512,"hidden_size":4096,"topk":2,"dtype":null,"act_dtype":"bfloat16",)"
                      R"("block_shape":null,"gated":true,"per_channel_quant":false,"router_weight_on_input":false,)"
                      R"("rows":3,"ok_rows":3,"newest":"2026-01-01T00:00:00Z"}],"next":null})"});
  EXPECT_EQ(compare(file(), {"--batch", "1"}), ExitStatus::done) << err();
  EXPECT_EQ(created()["hidden_size"], 4096);
}

TEST_F(CompareTest, WithoutAnyoneWhoKnowsItAsksForFlags) {
  EXPECT_EQ(compare(file(), {"--batch", "1"}), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr("--hidden-size and --topk are needed, or --model"));
  EXPECT_TRUE(created().is_null());
}

TEST_F(CompareTest, AFileForAnotherGpuIsRefused) {
  const auto path = folder_.file("E=8,N=512,device_name=NVIDIA_L20.json",
                                 schema::engine_file_bytes(schema::EngineFormat::vllm, {{1, k_tuned}}, std::nullopt));
  EXPECT_EQ(compare_whole(path.string()), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("the file is for NVIDIA_L20, here is NVIDIA_H200"));
}

TEST_F(CompareTest, ARecordingStandsInForTheGpu) {
  const auto rows = folder_.file("rows.jsonl", "{}\n").string();
  EXPECT_EQ(compare_whole(file(), {"--batch", "1", "--recording", rows}), ExitStatus::done) << err();
  EXPECT_EQ(created()["recording"], "upload-7");
  EXPECT_FALSE(created().contains("kernel"));
  EXPECT_THAT(daemon_.seen("GET /doctor"), IsEmpty());
}

TEST_F(CompareTest, TheKernelIsTheOneThatTheRecordingHolds) {
  ordered_json problem;
  schema::write_problem(sample_problem(), problem);
  const ordered_json group = {{"device", "NVIDIA_H200"}, {"problem", problem}, {"kernel", "cuda"}, {"l2", "cold"},
                              {"routing", "uniform"},    {"rows", 7}};
  daemon_.on("GET /uploads/upload-7/groups", {.body = ordered_json{{"groups", ordered_json::array({group})}}.dump()});
  const auto rows = folder_.file("rows.jsonl", "{}\n").string();
  EXPECT_EQ(compare_whole(file(), {"--batch", "1", "--recording", rows}), ExitStatus::done) << err();
  EXPECT_EQ(created()["kernel"], "cuda");
  EXPECT_THAT(daemon_.seen("GET /best")[0].target, HasSubstr("kernel=cuda")) << "the best known of that kernel";
}

TEST_F(CompareTest, ARecordingOfAnotherGpuIsRefused) {
  ordered_json problem;
  schema::write_problem(sample_problem(), problem);
  const ordered_json group = {{"device", "NVIDIA_L20"}, {"problem", problem},   {"kernel", "vllm"},
                              {"l2", "cold"},           {"routing", "uniform"}, {"rows", 7}};
  daemon_.on("GET /uploads/upload-7/groups", {.body = ordered_json{{"groups", ordered_json::array({group})}}.dump()});
  const auto rows = folder_.file("rows.jsonl", "{}\n").string();
  EXPECT_EQ(compare_whole(file(), {"--batch", "1", "--recording", rows}), ExitStatus::failed);
  EXPECT_THAT(err(),
              AllOf(HasSubstr("is a file for NVIDIA_H200, and the times of " + rows + " are of NVIDIA_L20: give"),
                    Not(HasSubstr("--warning"))));
  EXPECT_THAT(daemon_.seen("POST /sweeps"), IsEmpty());
}

TEST_F(CompareTest, SaysWhenTheTimesAreOfAnotherKernelOrDevice) {
  EXPECT_EQ(compare_whole(file(), {"--batch", "1"}), ExitStatus::done);
  EXPECT_THAT(err(), AllOf(Not(HasSubstr("measured with")), Not(HasSubstr("the times are of"))));
  auto other = sample_comparison({compared_batch(1, {contender(k_tuned, 80)}, {})});
  other["group"] = {{"device", "NVIDIA_L20"}, {"kernel", "cuda"}};
  daemon_.on("GET /sweeps/3/comparison", {.body = other.dump()});
  EXPECT_EQ(compare_whole(file(), {"--batch", "1"}), ExitStatus::done);
  EXPECT_THAT(err(), AllOf(HasSubstr("measured with the kernel cuda: the file steers vllm's own"),
                           HasSubstr("warning: the times are of NVIDIA_L20, and the file is for NVIDIA_H200")));
}

TEST_F(CompareTest, AFileWithTooManyKeysIsToldToChoose) {
  std::vector<std::pair<std::int64_t, schema::TileConfig>> rows;
  for (std::int64_t key = 1; key <= 1200; ++key) rows.emplace_back(key, k_tuned);
  EXPECT_EQ(compare_whole(file(rows)), ExitStatus::usage);
  EXPECT_THAT(err(), AllOf(HasSubstr("1024 can be compared"), HasSubstr("--batch")));
}

TEST_F(CompareTest, AnEarlierComparisonIsShownWithoutMeasuring) {
  answers({compared_batch(1, {contender(k_standard, 100), contender(k_tuned, 80), contender(k_other, 70)},
                          {pair(0, 1, "slower", 0.8), pair(0, 2, "slower", 0.7), pair(1, 2, "slower", 0.875)})});
  EXPECT_EQ(compare(file(), {"--sweep", "3"}), ExitStatus::done) << err();
  EXPECT_THAT(daemon_.seen("POST /sweeps"), IsEmpty());
  EXPECT_THAT(out(), AllOf(HasSubstr("1.250x"), Not(HasSubstr("0.875x")))) << "k_other may be another file's row";

  auto sweep = sample_sweep("done", 5760, 0);
  schema::write_problem(sample_problem(), sweep["spec"]);
  sweep["spec"]["candidates"] = {candidate(1, k_tuned), candidate(1, k_other)};
  sweep["spec"]["best_known"] = true;
  serve_sweep(sweep);
  EXPECT_EQ(compare(file(), {"--sweep", "3"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("1.250x"), HasSubstr("0.875x")));
}

TEST_F(CompareTest, AnEarlierComparisonOfAnotherProblemIsRefused) {
  const auto path = folder_.file("E=8,N=256,device_name=NVIDIA_H200.json",
                                 schema::engine_file_bytes(schema::EngineFormat::vllm, {{1, k_tuned}}, std::nullopt));
  EXPECT_EQ(compare(path.string(), {"--sweep", "3"}), ExitStatus::failed);
  EXPECT_THAT(err(), AllOf(HasSubstr("sweep 3 is about E=8,N=512"), HasSubstr("N=256")));
}

TEST_F(CompareTest, ASweepThatFailedGivesNoVerdict) {
  auto sweep = sample_sweep("failed", 10, 0);
  sweep["error"] = "the GPU is lost";
  serve_sweep(sweep);
  EXPECT_EQ(compare_whole(file(), {"--batch", "1"}), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("the GPU is lost"));
  EXPECT_THAT(out(), Not(HasSubstr("better")));
}

}  // namespace
}  // namespace moetune::cli
