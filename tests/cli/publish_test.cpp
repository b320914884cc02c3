#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/publish/publication.hpp"
#include "tests/cli/commands_fixture.hpp"

namespace moetune::cli {
namespace {

using schema::publish::FileSet;
using schema::publish::Publication;
using testing::HasSubstr;
using testing::Not;

const std::string k_file = "E=8,N=512,device_name=NVIDIA_H200.json";
const std::string k_up = "configs/triton_3_6_0/E=8,N=512,device_name=NVIDIA_H200.json";
const std::string k_down = "configs/triton_3_6_0/E=8,N=512,device_name=NVIDIA_H200_down.json";

class PublishTest : public CommandsTest {
 protected:
  PublishTest() {
    publication_.database = "db1";
    publication_.tool_version = "1.0";
    publication_.scope.kernels = {{"vllm", "vllm"}};
  }
  void add(const std::vector<std::string>& paths, const std::string& bytes) {
    FileSet set{{}, {{"engine", "vllm"}, {"kernel", "vllm"}}};
    for (const auto& path : paths) set.files.push_back({path, bytes});
    publication_.sets.push_back(std::move(set));
  }
  ExitStatus publish(std::vector<std::string> more = {}) {
    daemon_.on("GET /publication", {.body = schema::publish::to_json(publication_).dump()});
    more.insert(more.begin(), {"publish", target_.string()});
    return run_with(more);
  }

  Publication publication_;
  std::filesystem::path target_ = folder_.path() / "published";
};

TEST_F(PublishTest, WritesBothEnginesFilesAndSaysWhereTheyBelong) {
  add({k_file}, "{}\n");
  add({k_up, k_down}, "{ }\n");
  EXPECT_EQ(publish(), ExitStatus::done) << err();
  EXPECT_EQ(read_file(target_ / k_file), "{}\n");
  EXPECT_EQ(read_file(target_ / k_down), "{ }\n");
  EXPECT_THAT(out(), HasSubstr("written    " + (target_ / k_file).string() + "\n"));
  EXPECT_THAT(err(), HasSubstr("VLLM_TUNED_CONFIG_FOLDER=" + target_.string() + "\n"));
  EXPECT_THAT(err(), HasSubstr("SGLANG_MOE_CONFIG_DIR=" + target_.string() + " "));
  EXPECT_EQ(publish(), ExitStatus::done);
  EXPECT_THAT(out(), HasSubstr("unchanged  " + (target_ / k_file).string() + "\n"));
  EXPECT_EQ(daemon_.seen().back().target, "/publication");
}

TEST_F(PublishTest, WarnsWhereTilesAreOfAnotherKernelThanTheEngines) {
  add({k_file}, "{}\n");
  add({k_up, k_down}, "{ }\n");
  EXPECT_EQ(publish({"--kernel", "vllm"}), ExitStatus::done) << err();
  EXPECT_THAT(err(),
              HasSubstr("warning: SGLang's files hold tiles that were measured with the kernel vllm: SGLang runs "
                        "its own kernel with them, of which this says little; --format vllm leaves them out\n"));
  EXPECT_THAT(err(), Not(HasSubstr("vLLM's files hold")));
  EXPECT_EQ(publish({"--kernel", "cuda"}), ExitStatus::done) << err();
  EXPECT_THAT(err(), HasSubstr("warning: vLLM's files hold"));
  EXPECT_EQ(publish(), ExitStatus::done) << err();
  EXPECT_THAT(err(), Not(HasSubstr("warning")));
}

TEST_F(PublishTest, PrintsTheReportAsJson) {
  add({k_file}, "{}\n");
  publication_.left_out.push_back({k_up, "none of its sweeps is done"});
  EXPECT_EQ(publish({"--json", "--allow-recorded", "--allow-gaps", "--kernel", "cuda", "--format", "vllm"}),
            ExitStatus::done);
  EXPECT_EQ(nlohmann::json::parse(out()),
            (nlohmann::json{{"folder", target_.string()},
                            {"written", {k_file}},
                            {"unchanged", nlohmann::json::array()},
                            {"refused", nlohmann::json::array()},
                            {"without_ground", nlohmann::json::array()},
                            {"left_out", {{{"path", k_up}, {"reason", "none of its sweeps is done"}}}}}));
  EXPECT_EQ(daemon_.seen().back().target, "/publication?kernel=cuda&format=vllm&allow_recorded=1&allow_gaps=1");
}

TEST_F(PublishTest, NamesWhatItLeavesAlone) {
  std::filesystem::create_directory(target_);
  folder_.file("published/" + k_file, "mine");
  add({k_file}, "{}\n");
  add({k_up, k_down}, "{ }\n");
  EXPECT_EQ(publish(), ExitStatus::failed);
  EXPECT_EQ(read_file(target_ / k_file), "mine");
  EXPECT_EQ(read_file(target_ / k_up), "{ }\n");
  EXPECT_THAT(err(), HasSubstr("left as it is: " + k_file + ": moetune did not write it"));
  EXPECT_EQ(publish({"--force"}), ExitStatus::done) << err();
  EXPECT_EQ(read_file(target_ / k_file), "{}\n");
  publication_.sets.erase(publication_.sets.begin());
  publication_.left_out.push_back({k_file, "none of its sweeps is done"});
  EXPECT_EQ(publish(), ExitStatus::done);
  EXPECT_THAT(err(), HasSubstr("kept without ground (remove it if you do not want it): " + k_file));
  EXPECT_EQ(read_file(target_ / k_file), "{}\n");
}

TEST_F(PublishTest, NothingToPublishLeavesNoFolder) {
  publication_.other_kernels = {"cuda"};
  EXPECT_EQ(publish(), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("moetune: nothing to publish\n"));
  EXPECT_THAT(err(), HasSubstr("rows of kernel cuda"));
  EXPECT_FALSE(std::filesystem::exists(target_));
  publication_.left_out.push_back({k_file, "none of its sweeps is done"});
  EXPECT_EQ(publish(), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("not published: " + k_file + ": none of its sweeps is done"));
}

TEST_F(PublishTest, FollowsNoPathOutOfTheFolder) {
  add({"../outside.json"}, "{}\n");
  EXPECT_EQ(publish(), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("../outside.json"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace moetune::cli
