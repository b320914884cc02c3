#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/cli/commands_fixture.hpp"

namespace moetune::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ExportTest : public CommandsTest {
 protected:
  void serve_file(const std::string& name, const std::string& bytes) {
    daemon_.on("GET /export",
               {.body = bytes, .headers = {{"Content-Disposition", "attachment; filename=\"" + name + "\""}}});
  }
  std::vector<std::string> words(std::vector<std::string> more) const {
    more.insert(more.begin(), {"export", "-E", "8", "-N", "512"});
    return more;
  }
};

TEST_F(ExportTest, WritesTheExactBytesUnderTheExactName) {
  const std::string name = "E=8,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
  serve_file(name, "{\n    \"1\": {}\n}\n");
  const auto folder = folder_.path() / "new" / "configs";
  EXPECT_EQ(run_with(words({"-o", folder.string(), "--kernel", "cuda", "--allow-recorded"})), ExitStatus::done)
      << err();
  EXPECT_EQ(read_file(folder / name), "{\n    \"1\": {}\n}\n");
  EXPECT_EQ(out(), (folder / name).string() + "\n");
  EXPECT_THAT(err(), HasSubstr("VLLM_TUNED_CONFIG_FOLDER"));
  EXPECT_EQ(daemon_.seen().back().target, "/export?E=8&N=512&kernel=cuda&format=vllm&allow_recorded=1");
}

TEST_F(ExportTest, SaysWhenItReplacesAnotherFile) {
  const std::string name = "E=8,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
  serve_file(name, "{\n    \"1\": {}\n}\n");
  const std::vector<std::string> there = {"-o", folder_.path().string(), "--kernel", "cuda", "--allow-recorded"};
  EXPECT_EQ(run_with(words(there)), ExitStatus::done) << err();
  EXPECT_EQ(run_with(words(there)), ExitStatus::done) << err();
  EXPECT_THAT(err(), Not(HasSubstr("replaced"))) << "the same bytes again are no news";
  std::ofstream(folder_.path() / name) << "{\"1\": {\"BLOCK_SIZE_M\": 32}}";
  EXPECT_EQ(run_with(words(there)), ExitStatus::done) << err();
  EXPECT_THAT(err(), HasSubstr("replaced another " + (folder_.path() / name).string()));
  EXPECT_EQ(read_file(folder_.path() / name), "{\n    \"1\": {}\n}\n");
}

TEST_F(ExportTest, WarnsWhereNothingWasMeasuredAndOfWhatIsNotDone) {
  daemon_.on("GET /export", {.body = "{}",
                             .headers = {{"Content-Disposition", "attachment; filename=\"X.json\""},
                                         {"Moetune-Untested", "65..4095"},
                                         {"Moetune-Unfinished", "3,4"}}});
  EXPECT_EQ(run_with(words({"-o", folder_.path().string()})), ExitStatus::done) << err();
  EXPECT_THAT(err(), HasSubstr("warning: nothing was measured in M=65..4095, where the engine takes the nearest key"));
  EXPECT_THAT(err(), HasSubstr("warning: the file has rows of sweeps that are not done (3,4): export again when"));
}

/// A file with what the daemon guarantees of it.
class GuaranteeTest : public ExportTest {
 protected:
  void serve(bool safe, const std::string& choice = "a") {
    daemon_.on(
        "GET /export",
        {.body = "{}", .headers = {{"Content-Disposition", "attachment; filename=\"X.json\""}, {"ETag", "\"a\""}}});
    nlohmann::ordered_json answer = {{"choice", choice},
                                     {"safe", safe},
                                     {"text", safe ? "safe: at worst 0.9" : "not safe: at M=3"},
                                     {"measured", {1, 2, 3}},
                                     {"widest_gap", nullptr},
                                     {"longest_gap", nullptr},
                                     {"not_measured", nlohmann::ordered_json::array()},
                                     {"pinned", nlohmann::ordered_json::array()},
                                     {"keys", nlohmann::ordered_json::object()},
                                     {"left_out", nlohmann::ordered_json::array()}};
    answer["problems"] = nlohmann::ordered_json::parse(R"([{"points": {}}])");
    daemon_.on("GET /guarantee", {.body = answer.dump()});
  }
  std::string folder() const { return folder_.path().string(); }
};

TEST_F(GuaranteeTest, IsPrintedBesideTheFile) {
  serve(true);
  EXPECT_EQ(run_with(words({"-o", folder(), "--guarantee", "--merge"})), ExitStatus::failed) << "no answer to /merge";
  EXPECT_EQ(run_with(words({"-o", folder(), "--guarantee"})), ExitStatus::done) << err();
  EXPECT_EQ(daemon_.seen().back().target, "/guarantee?E=8&N=512&format=vllm");
  EXPECT_THAT(out(), HasSubstr("X.json\nsafe: at worst 0.9\nmeasured: 3 of M=1..3\n"));
  EXPECT_EQ(run_with(words({"-o", folder(), "--guarantee", "--json"})), ExitStatus::done) << err();
  EXPECT_EQ(nlohmann::json::parse(out())["guarantee"]["safe"], true);
}

TEST_F(GuaranteeTest, IsAskedOfTheVeryFileThatIsWritten) {
  serve(true);
  daemon_.on("GET /merge", {.body = R"({"choice": "a", "problems": [{"E": 8}], "batches": {}})"});
  for (const auto& kind : std::vector<std::vector<std::string>>{
           {}, {"--merge"}, {"--robust"}, {"--robust", "--routing", "uniform,zipf:1.2"}, {"--merge", "--robust"}}) {
    auto all = words({"-o", folder(), "--guarantee"});
    all.insert(all.end(), kind.begin(), kind.end());
    EXPECT_EQ(run_with(all), ExitStatus::done) << err();
    const auto file = daemon_.seen("GET /export").back().target;
    const auto guarantee = daemon_.seen("GET /guarantee").back().target;
    EXPECT_EQ(guarantee.substr(guarantee.find('?')), file.substr(file.find('?')));
    EXPECT_EQ(file.find("robust=1") != std::string::npos, std::ranges::find(kind, "--robust") != kind.end());
  }
}

TEST_F(GuaranteeTest, AFileThatIsNotKnownToBeSafeEndsWithOne) {
  serve(false);
  EXPECT_EQ(run_with(words({"-o", folder(), "--guarantee"})), ExitStatus::failed);
  EXPECT_THAT(out(), HasSubstr("not safe: at M=3\n"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "X.json"));
  EXPECT_EQ(run_with(words({"-o", folder()})), ExitStatus::done) << "nobody asked";
}

TEST_F(GuaranteeTest, StdoutIsTheFileAlone) {
  serve(true);
  EXPECT_EQ(run_with(words({"-o", "-", "--guarantee"})), ExitStatus::done) << err();
  EXPECT_EQ(out(), "{}");
  EXPECT_THAT(err(), HasSubstr("safe: at worst 0.9\n"));
}

TEST_F(GuaranteeTest, OfAnotherChoiceIsNotTold) {
  serve(true, "b");
  EXPECT_EQ(run_with(words({"-o", folder(), "--guarantee"})), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("come in too fast"));
}

class SglangExportTest : public ExportTest {
 protected:
  static constexpr const char* k_up = "{\n    \"1\": {\"BLOCK_SIZE_M\": 16}\n}\n";
  static constexpr const char* k_down = "{\n    \"1\": {\"BLOCK_SIZE_M\": 16, \"num_warps\": 8}\n}\n";

  static FakeAnswer answer(const std::string& name, const std::string& bytes, const std::string& version) {
    return {
        .body = bytes,
        .headers = {{"Content-Disposition", "attachment; filename=\"" + name + "\""}, {"ETag", "\"" + version + "\""}}};
  }
  static bool asks_for_down(const SeenRequest& request) {
    return request.target.find("gemm=down") != std::string::npos;
  }
  /// Answers for both GEMMs from the same rows.
  void serve_pair(const std::string& up, const std::string& down) {
    daemon_.on("GET /export", [=](const SeenRequest& request) {
      return asks_for_down(request) ? answer("X_down.json", down, "a") : answer("X.json", up, "a");
    });
  }
  ExitStatus export_to(const std::filesystem::path& folder, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--format", "sglang", "-o", folder.string()});
    return run_with(words(more));
  }
  std::size_t files_in(const std::filesystem::path& folder) const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
  }
};

TEST_F(SglangExportTest, WritesBothFilesOfAPair) {
  serve_pair(k_up, k_down);
  const auto folder = folder_.path() / "configs";
  EXPECT_EQ(export_to(folder), ExitStatus::done) << err();
  EXPECT_EQ(read_file(folder / "X.json"), k_up);
  EXPECT_EQ(read_file(folder / "X_down.json"), k_down);
  EXPECT_EQ(out(), (folder / "X.json").string() + "\n" + (folder / "X_down.json").string() + "\n");
  EXPECT_THAT(err(), HasSubstr("SGLang reads it since 0.5.5"));
  EXPECT_EQ(daemon_.seen()[0].target, "/export?E=8&N=512&format=sglang");
  EXPECT_EQ(daemon_.seen()[1].target, "/export?E=8&N=512&format=sglang&gemm=down");
  EXPECT_EQ(export_to(folder, {"--json"}), ExitStatus::done);
  EXPECT_EQ(out(), "{\"file\":\"" + (folder / "X.json").string() + "\",\"down_file\":\"" +
                       (folder / "X_down.json").string() + "\"}\n");
}

TEST_F(SglangExportTest, WritesOneFileWhereBothGemmsRunWithTheSameTiles) {
  serve_pair(k_up, k_up);
  EXPECT_EQ(export_to(folder_.path()), ExitStatus::done) << err();
  EXPECT_EQ(out(), (folder_.path() / "X.json").string() + "\n");
  EXPECT_EQ(files_in(folder_.path()), 1U);
}

TEST_F(SglangExportTest, LeavesNoSecondFileOfAnotherExportBeside) {
  serve_pair(k_up, k_up);
  folder_.file("X_down.json", "an older one");
  EXPECT_EQ(export_to(folder_.path()), ExitStatus::done) << err();
  EXPECT_EQ(read_file(folder_.path() / "X_down.json"), k_up);
  EXPECT_THAT(err(), HasSubstr("both files hold the same tiles"));

  const auto configs = folder_.path() / "configs";
  std::filesystem::create_directories(configs / "triton_3_5_1");
  std::filesystem::copy_file(folder_.path() / "X_down.json", configs / "triton_3_5_1" / "X_down.json");
  EXPECT_EQ(export_to(configs / "triton_3_6_0"), ExitStatus::done) << err();
  EXPECT_EQ(read_file(configs / "triton_3_6_0" / "X_down.json"), k_up);
  EXPECT_EQ(export_to(configs / "others"), ExitStatus::done) << err();
  EXPECT_EQ(files_in(configs / "others"), 1U);
}

TEST_F(SglangExportTest, WritesNeitherWhenTheSecondCannotBeFetched) {
  daemon_.on("GET /export", [](const SeenRequest& request) {
    return asks_for_down(request) ? error_answer(500, "internal", "broken") : answer("X.json", k_up, "a");
  });
  EXPECT_EQ(export_to(folder_.path() / "new"), ExitStatus::failed);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "new"));
}

TEST_F(SglangExportTest, WritesNeitherWhenTheSecondCannotBeWritten) {
  serve_pair(k_up, k_down);
  folder_.file("X.json", "old");
  std::filesystem::create_directory(folder_.path() / "X_down.json");
  EXPECT_EQ(export_to(folder_.path()), ExitStatus::failed);
  EXPECT_THAT(err(), StartsWith("moetune: cannot write " + (folder_.path() / "X_down.json").string()));
  EXPECT_EQ(read_file(folder_.path() / "X.json"), "old");
  EXPECT_EQ(files_in(folder_.path()), 2U);
}

TEST_F(SglangExportTest, WritesNeitherWhenOneNameLeadsOutOfTheFolder) {
  daemon_.on("GET /export", [](const SeenRequest& request) {
    return asks_for_down(request) ? answer("../X_down.json", k_down, "a") : answer("X.json", k_up, "a");
  });
  EXPECT_EQ(export_to(folder_.path() / "in"), ExitStatus::failed);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(SglangExportTest, AsksAgainUntilBothFilesComeFromTheSameRows) {
  int asked = 0;
  daemon_.on("GET /export", [&](const SeenRequest& request) {
    ++asked;
    const std::string version = asked == 1 ? "old" : "new";
    return asks_for_down(request) ? answer("X_down.json", k_down, version)
                                  : answer("X.json", version == "old" ? "{}\n" : k_up, version);
  });
  EXPECT_EQ(export_to(folder_.path()), ExitStatus::done) << err();
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(read_file(folder_.path() / "X.json"), k_up);

  daemon_.on("GET /export", [&](const SeenRequest& request) {
    return answer(asks_for_down(request) ? "X_down.json" : "X.json", k_up, std::to_string(++asked));
  });
  EXPECT_EQ(export_to(folder_.path() / "never"), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("try again"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "never"));
}

TEST_F(SglangExportTest, PrintsOneFileAndSaysWhatIsMissing) {
  serve_pair(k_up, k_down);
  EXPECT_EQ(run_with(words({"--format", "sglang", "-o", "-"})), ExitStatus::done);
  EXPECT_EQ(out(), k_up);
  EXPECT_THAT(err(), HasSubstr("--gemm down prints them"));
  EXPECT_EQ(run_with(words({"--format", "sglang", "-o", "-", "--gemm", "down"})), ExitStatus::done);
  EXPECT_EQ(out(), k_down);
  EXPECT_EQ(err(), "");
  EXPECT_EQ(run_with(words({"--format", "sglang", "--gemm", "both"})), ExitStatus::usage);
  EXPECT_EQ(err(), "moetune: --gemm must be up or down, not \"both\"\n");
}

class MergedExportTest : public SglangExportTest {
 protected:
  /// Two problems, of which the second has no rows of batch 64.
  static std::string report(const std::string& choice) {
    const std::string problem =
        R"("N":512,"topk":8,"dtype":"fp8_w8a8","block_shape":[128,128],"act_dtype":"bfloat16","origin":"measured")";
    const std::string tile =
        R"("BLOCK_SIZE_M":16,"BLOCK_SIZE_N":64,"BLOCK_SIZE_K":128,"GROUP_SIZE_M":1,"num_warps":4,"num_stages":3)";
    return R"({"file":"X.json","choice":")" + choice + R"(","problems":[{"E":8,"hidden_size":2048,)" + problem +
           R"(},{"E":8,"hidden_size":4096,)" + problem + R"(}],"batches":{"1":{"config":{)" + tile +
           R"(},"default":false,"reason":"least worst regret","regret":1.25,"problems":[
             {"latency_us":50,"best_us":40,"default_us":60,"regret":1.25},
             {"latency_us":30,"best_us":30,"default_us":60,"regret":1.0}]},
             "2":{"config":{)" +
           tile + R"(},"default":true,"reason":"default kept: no gain","regret":null,"problems":[
             {"latency_us":null,"best_us":40,"default_us":null,"regret":null},
             {"latency_us":30,"best_us":20,"default_us":30,"regret":1.5}]}},
             "missing":[{"batch":64,"problems":[1]}]})";
  }
  void serve_merge(const std::string& choice) { daemon_.on("GET /merge", {.body = report(choice)}); }
};

TEST_F(MergedExportTest, TellsWhatTheFileCostsEachProblem) {
  serve_pair(k_up, k_up);
  serve_merge("a");
  EXPECT_EQ(run_with(words({"--merge", "-o", folder_.path().string()})), ExitStatus::done) << err();
  EXPECT_EQ(daemon_.seen()[0].target, "/export?E=8&N=512&format=vllm&merge=1");
  EXPECT_EQ(daemon_.seen()[1].target, "/merge?E=8&N=512&format=vllm");
  EXPECT_EQ(out(), (folder_.path() / "X.json").string() + "\n");
  EXPECT_THAT(err(), HasSubstr("2 problems share this file"));
  EXPECT_THAT(err(), HasSubstr("  1: E=8,N=512,hidden_size=2048"));
  EXPECT_THAT(err(), HasSubstr("    1  16x64x128 g1 w4 s3  merged   1.250  1.250  1.000  least worst regret\n"));
  EXPECT_THAT(err(), HasSubstr("    2  16x64x128 g1 w4 s3  default      -      -  1.500  default kept: no gain\n"));
  EXPECT_THAT(err(), HasSubstr("no key for batch 64: 2 has no rows of it\n"));
}

TEST_F(MergedExportTest, ARobustFileTellsWhatItCostsEachRouting) {
  serve_pair(k_up, k_up);
  auto answer = nlohmann::ordered_json::parse(report("a"));
  answer["problems"][0]["routing"] = "uniform";
  answer["problems"][1]["routing"] = "zipf:1.2";
  daemon_.on("GET /merge", {.body = answer.dump()});
  EXPECT_EQ(run_with(words({"--robust", "--routing", "uniform,zipf:1.2", "-o", folder_.path().string()})),
            ExitStatus::done)
      << err();
  EXPECT_EQ(daemon_.seen()[0].target, "/export?E=8&N=512&routing=uniform,zipf:1.2&format=vllm&robust=1");
  EXPECT_EQ(daemon_.seen()[1].target, "/merge?E=8&N=512&routing=uniform,zipf:1.2&format=vllm&robust=1");
  EXPECT_THAT(err(), HasSubstr("routing uniform\n"));
  EXPECT_THAT(err(), HasSubstr("routing zipf:1.2\n"));
  EXPECT_THAT(err(), HasSubstr("2 problems share this file")) << "they differ in more than the routing";
  answer["problems"][1]["hidden_size"] = answer["problems"][0]["hidden_size"];
  daemon_.on("GET /merge", {.body = answer.dump()});
  EXPECT_EQ(run_with(words({"--robust", "-o", folder_.path().string()})), ExitStatus::done) << err();
  EXPECT_THAT(err(), HasSubstr("2 routings share this file; a regret of 1 is a routing's own best:\n"));
}

TEST_F(MergedExportTest, PrintsTheReportAsJson) {
  serve_pair(k_up, k_down);
  serve_merge("a");
  EXPECT_EQ(export_to(folder_.path(), {"--merge", "--json"}), ExitStatus::done) << err();
  const auto answer = nlohmann::json::parse(out());
  EXPECT_EQ(answer["merge"], nlohmann::json::parse(report("a")));
  EXPECT_EQ(answer["down_file"], (folder_.path() / "X_down.json").string());
}

TEST_F(MergedExportTest, AReportOnOtherRowsIsAskedForAgain) {
  serve_pair(k_up, k_down);
  int asked = 0;
  daemon_.on("GET /merge", [&](const SeenRequest&) { return FakeAnswer{.body = report(++asked < 3 ? "old" : "a")}; });
  EXPECT_EQ(export_to(folder_.path(), {"--merge"}), ExitStatus::done) << err();
  EXPECT_EQ(asked, 3);
  serve_merge("other");
  EXPECT_EQ(export_to(folder_.path() / "never", {"--merge"}), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("try again"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "never"));
}

TEST_F(ExportTest, PrintsToStdoutOnRequest) {
  serve_file("name.json", "{}\n");
  EXPECT_EQ(run_with(words({"-o", "-", "--format", "sglang"})), ExitStatus::done);
  EXPECT_EQ(out(), "{}\n");
  EXPECT_EQ(err(), "");
}

TEST_F(ExportTest, FollowsNoNameOutOfTheFolder) {
  for (const char* name : {"../outside.json", "/etc/outside.json", "..", ""}) {
    serve_file(name, "{}\n");
    EXPECT_EQ(run_with(words({"-o", folder_.path().string()})), ExitStatus::failed) << name;
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << name;
  }
}

TEST_F(ExportTest, ShowsTheWayOutOfARefusal) {
  daemon_.on("GET /export", error_answer(409, "conflict", "2 groups match",
                                         R"({"groups":[{"device":"A","kernel":"cuda","origin":"recorded"},
                                                       {"device":"B","kernel":"cuda","origin":"measured"}]})"));
  EXPECT_EQ(run_with(words({})), ExitStatus::failed);
  const std::string start = "  moetune --server " + daemon_.url() + " export -E 8 -N 512 --device ";
  EXPECT_EQ(err(), "moetune: 2 groups match\ntry one of:\n" + start +
                       "A --origin recorded --kernel cuda --allow-recorded\n" + start +
                       "B --origin measured --kernel cuda\n");
}

}  // namespace
}  // namespace moetune::cli
