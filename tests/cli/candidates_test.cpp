#include <gmock/gmock.h>

#include "cli/candidate_upload.hpp"
#include "tests/cli/commands_fixture.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class CandidatesTest : public CommandsTest {
 protected:
  /// A package with its metadata and two files, one of them in a folder of a Triton version.
  fs::path package() const {
    const fs::path configs = folder_.path() / "site" / "sglang" / "configs";
    fs::create_directories(configs / "triton_3_6_0");
    fs::create_directories(folder_.path() / "site" / "sglang-0.5.23.dist-info");
    const auto name = [](const char* path) { return std::string("site/sglang/configs/") + path; };
    folder_.file(name("E=8,N=64,device_name=NVIDIA_H200.json"), "{}\n");
    folder_.file(name("triton_3_6_0/E=8,N=64,device_name=NVIDIA_H200.json"), "{\n}\n");
    return configs;
  }
  const json known_ = json::parse(R"({"path":"a","id":1,"name":"x","known":true,"rows":2,"unusable":3})");
  const json new_ = json::parse(R"({"path":"b","id":2,"name":"y","known":false,"rows":2,"unusable":0})");
  const json bad_ = json::parse(R"({"path":"/c/d.json","error":"is no such file"})");
};

TEST_F(CandidatesTest, ImportSendsAFolderWithThePackagesVersion) {
  daemon_.on("POST /import", {.body = json({{"files", {known_, new_}}}).dump()});
  const std::string folder = package().string();
  EXPECT_EQ(run_with({"import", folder}), ExitStatus::done) << err();
  EXPECT_EQ(out(), folder + ": 2 engine files, 1 new, 1 known already, 0 unreadable; 3 rows are no tiles\n");
  ASSERT_EQ(daemon_.seen().size(), 1U);
  EXPECT_EQ(daemon_.seen()[0].headers.at("Content-Type"), "application/json");
  const json sent = json::parse(daemon_.seen()[0].body);
  ASSERT_EQ(sent["files"].size(), 2U);
  EXPECT_EQ(sent["files"][0]["path"], folder + "/E=8,N=64,device_name=NVIDIA_H200.json");
  EXPECT_EQ(sent["files"][0]["text"], "{}\n");
  EXPECT_EQ(sent["files"][1]["path"], folder + "/triton_3_6_0/E=8,N=64,device_name=NVIDIA_H200.json");
  EXPECT_EQ(sent["files"][1]["engine_version"], "0.5.23");
}

TEST_F(CandidatesTest, ImportListsWhatCouldNotBeRead) {
  daemon_.on("POST /import", {.body = json({{"files", {new_, bad_}}}).dump()});
  const auto configs = package();
  folder_.file("site/sglang/configs/broken.json", "\xff\xfe");
  EXPECT_EQ(run_with({"import", configs.string()}), ExitStatus::failed);
  EXPECT_EQ(out(), configs.string() + ": 3 engine files, 1 new, 0 known already, 2 unreadable\n");
  EXPECT_EQ(err(), "moetune: " + (configs / "broken.json").string() +
                       ": the file is not UTF-8\nmoetune: /c/d.json: is no such file\n");
  EXPECT_EQ(run_with({"import", configs.string(), "--json"}), ExitStatus::failed);
  const json answer = json::parse(out());
  ASSERT_EQ(answer["files"].size(), 3U);
  EXPECT_EQ(answer["files"][0]["error"], "the file is not UTF-8");
  EXPECT_EQ(answer["files"][1], new_);
}

TEST_F(CandidatesTest, ImportOfNothingReadableIsBadInput) {
  daemon_.on("POST /import", {.body = json({{"files", {bad_}}}).dump()});
  const auto file = folder_.file("rows.json", "{\n}").string();
  EXPECT_EQ(run_with({"import", file}), ExitStatus::usage);
  EXPECT_EQ(err(), "moetune: " + file + ": is no such file\n");
  daemon_.on("POST /import", {.body = json({{"files", {bad_, bad_}}}).dump()});
  EXPECT_EQ(run_with({"import", package().string()}), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr("none of 2 files could be read"));
}

TEST_F(CandidatesTest, ImportTellsTrialsFromEngineFiles) {
  EXPECT_TRUE(is_engine_file(folder_.file("a.json", "{\n}")));
  EXPECT_TRUE(is_engine_file(folder_.file("b.json", R"({"1": {"BLOCK_SIZE_M": 16}})")));
  EXPECT_TRUE(is_engine_file(folder_.file("c.json", "")));
  EXPECT_FALSE(is_engine_file(folder_.file("d.json", "{\"config\": {}}\n{\"config\": {}}\n")));
  EXPECT_FALSE(is_engine_file(folder_.file("e.jsonl", "{\n}")));
}

TEST_F(CandidatesTest, ImportKeepsRequestsBelowTheDaemonsLimit) {
  std::vector<fs::path> files;
  for (int i = 0; i < 5; ++i) files.push_back(folder_.file(std::to_string(i) + ".json", std::string(300'000, '\n')));
  files.push_back(folder_.file("large.json", std::string(600'000, '"')));
  const auto upload = candidate_upload(files);
  EXPECT_EQ(upload.bodies.size(), 5U) << "each is 600 kB once it is escaped";
  std::size_t sent = 0;
  for (const auto& body : upload.bodies) {
    EXPECT_LT(body.size(), std::size_t{1} << 20);
    sent += json::parse(body)["files"].size();
  }
  EXPECT_EQ(sent, 5U);
  ASSERT_EQ(upload.unread.size(), 1U);
  EXPECT_THAT(upload.unread[0].reason, HasSubstr("too large"));
}

TEST_F(CandidatesTest, AVersionIsTakenOnlyWhereThereIsOne) {
  const auto configs = package();
  EXPECT_EQ(package_version(configs / "x.json"), "0.5.23");
  fs::create_directories(folder_.path() / "site" / "sglang-0.4.0.dist-info");
  EXPECT_EQ(package_version(configs / "x.json"), std::nullopt) << "two of them";
  EXPECT_EQ(package_version("/nowhere/x.json"), std::nullopt);
}

TEST_F(CandidatesTest, ListsTheSetsOfAProblem) {
  daemon_.on(
      "GET /candidates",
      {.body = R"({"items":[{"id":7,"name":"vllm/E=8.json","rows":18,"unusable":2,"imported_at":"2026-11-20T10:15:00Z"},
                           {"id":9,"name":"vllm/E=8.json","rows":18,"unusable":2}],"next":null})"});
  EXPECT_EQ(run_with({"candidates", "-E", "8", "--dtype", "none", "--engine", "vllm"}), ExitStatus::done) << err();
  EXPECT_EQ(out(),
            "id  rows  no tiles  imported              name\n"
            " 7    18         2  2026-11-20T10:15:00Z  vllm/E=8.json\n"
            " 9    18         2  -                     vllm/E=8.json\n");
  EXPECT_EQ(daemon_.seen()[0].target, "/candidates?E=8&dtype=none&engine=vllm&limit=1000");
  EXPECT_EQ(run_with({"candidates", "--json"}), ExitStatus::done);
  EXPECT_EQ(json::parse(out())["items"][0]["id"], 7);
  daemon_.on("GET /candidates", {.body = R"({"items":[],"next":null})"});
  EXPECT_EQ(run_with({"candidates"}), ExitStatus::done);
  EXPECT_THAT(out(), HasSubstr("moetune import"));
}

TEST_F(CandidatesTest, ShowsASetAndWritesItsFile) {
  daemon_.on("GET /candidates/7", {.body = R"({"id":7,"name":"vllm/E=8.json","path":"/p/E=8.json","rows":1,"unusable":2,
      "digest":"abc","imported_at":"2026-11-20T10:15:00Z","configs":{"64":{"BLOCK_SIZE_M":16,"BLOCK_SIZE_N":64,
      "BLOCK_SIZE_K":128,"GROUP_SIZE_M":1,"num_warps":4,"num_stages":3}}})"});
  EXPECT_EQ(run_with({"candidate", "7"}), ExitStatus::done) << err();
  EXPECT_EQ(out(),
            "vllm/E=8.json\nfrom /p/E=8.json, imported 2026-11-20T10:15:00Z\n3 rows, 2 of them no tiles; SHA-256 abc\n"
            "batch  config\n   64  16x64x128 g1 w4 s3\n");
  daemon_.on("GET /candidates/7/file",
             {.body = "{}\n", .headers = {{"Content-Disposition", "attachment; filename=\"E=8.json\""}}});
  const fs::path target = folder_.path() / "out";
  EXPECT_EQ(run_with({"candidate", "7", "-o", target.string()}), ExitStatus::done) << err();
  EXPECT_EQ(out(), (target / "E=8.json").string() + "\n");
  EXPECT_EQ(read_file(target / "E=8.json"), "{}\n");
  EXPECT_EQ(run_with({"candidate", "7", "-o", "-"}), ExitStatus::done);
  EXPECT_EQ(out(), "{}\n");
  daemon_.on("GET /candidates/7/file",
             {.body = "{}\n", .headers = {{"Content-Disposition", "attachment; filename=\"../E=8.json\""}}});
  EXPECT_EQ(run_with({"candidate", "7", "-o", target.string()}), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("which is no file name"));
}

TEST_F(CandidatesTest, DiscardsASet) {
  daemon_.on("POST /candidates/7/discard", {.body = R"({"id":7,"name":"vllm/E=8.json","discarded":true})"});
  EXPECT_EQ(run_with({"candidate", "7", "--discard"}), ExitStatus::done) << err();
  EXPECT_EQ(out(), "candidate set 7 is discarded, no new sweep tries it: vllm/E=8.json\n");
  EXPECT_EQ(run_with({"candidate", "7", "--discard", "-o", "x"}), ExitStatus::usage);
  EXPECT_THAT(err(), HasSubstr("--discard does not go with --output"));
  daemon_.on("GET /candidates", {.body = R"({"items":[{"id":7,"name":"a","discarded":true}],"next":null})"});
  EXPECT_EQ(run_with({"candidates", "--discarded"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("a, discarded\n"));
  EXPECT_EQ(daemon_.seen().back().target, "/candidates?discarded=1&limit=1000");
}

}  // namespace
}  // namespace moetune::cli
