#include "cli/model_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class ModelFileTest : public testing::Test {
 protected:
  /// Writes a file below the temporary folder, with the folders that lead to it.
  fs::path write(const fs::path& path, const std::string& text = "{}") const {
    const fs::path file = folder_.path() / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  schema::Result<fs::path> find(const std::string& model) const {
    return find_model_config(model, [this](const char* name) {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    });
  }

  void in_home() { variables_["HOME"] = folder_.path().string(); }

  TemporaryFolder folder_;
  std::map<std::string, std::string> variables_;
};

TEST_F(ModelFileTest, TakesAFileOrTheConfigOfAFolder) {
  const auto file = write("model/config.json");
  const auto other = write("other.json");
  EXPECT_EQ(find(file.string()), file);
  EXPECT_EQ(find(other.string()), other);
  EXPECT_EQ(find((folder_.path() / "model").string()), file);
  fs::create_directory(folder_.path() / "empty");
  EXPECT_THAT(find((folder_.path() / "empty").string()).error().message, HasSubstr("empty has no config.json"));
}

TEST_F(ModelFileTest, FindsANameInTheCacheAtTheCommitOfMain) {
  in_home();
  const fs::path model = ".cache/huggingface/hub/models--Qwen--Qwen3-30B-A3B";
  write(model / "snapshots/0123/config.json");
  const auto right = write(model / "snapshots/4567/config.json");
  write(model / "refs/main", "4567\n");
  EXPECT_EQ(find("Qwen/Qwen3-30B-A3B"), right);
}

TEST_F(ModelFileTest, LooksWhereTheVariablesSay) {
  in_home();
  variables_["HF_HUB_CACHE"] = "";
  const auto in_cache = write("xdg/huggingface/hub/models--gpt2/snapshots/a/config.json");
  variables_["XDG_CACHE_HOME"] = (folder_.path() / "xdg").string();
  EXPECT_EQ(find("gpt2"), in_cache);
  const auto in_home_folder = write("hf/hub/models--gpt2/snapshots/b/config.json");
  variables_["HF_HOME"] = "~/hf";
  EXPECT_EQ(find("gpt2"), in_home_folder);
  const auto in_hub = write("hub/models--gpt2/snapshots/c/config.json");
  variables_["HF_HUB_CACHE"] = (folder_.path() / "hub").string();
  EXPECT_EQ(find("gpt2"), in_hub);
}

TEST_F(ModelFileTest, SaysWhyACachedModelHasNoConfig) {
  in_home();
  EXPECT_THAT(find("no/such").error().message, AllOf(HasSubstr("no file or folder no/such"),
                                                     HasSubstr("has no model no/such"), HasSubstr("downloaded")));
  const fs::path model = ".cache/huggingface/hub/models--a--b";
  write(model / "snapshots/1/tokenizer.json");
  EXPECT_THAT(find("a/b").error().message, HasSubstr("has no config.json in its snapshots"));
  write(model / "snapshots/2/config.json");
  write(model / "snapshots/3/config.json");
  EXPECT_THAT(find("a/b").error().message, HasSubstr("has several config.json in its snapshots"));
  write(model / "refs/main", "../../escape");
  EXPECT_FALSE(find("a/b").has_value());
}

TEST_F(ModelFileTest, TakesNoPathForAName) {
  in_home();
  for (const char* text : {"../b", "a/b/c", "a//b", "/a", "a/.b", "a b", "config.json"}) {
    EXPECT_THAT(find(text).error().message, HasSubstr("there is no file or folder")) << text;
    EXPECT_THAT(find(text).error().message, testing::Not(HasSubstr("cache"))) << text;
  }
  variables_.clear();
  EXPECT_EQ(find("a/b").error().message, "there is no file or folder a/b");
}

TEST_F(ModelFileTest, ReadsWhatIsJsonAndSaysWhatIsNot) {
  EXPECT_EQ(read_model_config(write("a.json", R"({"time_step_limit": [0.0, Infinity]})")).value()["time_step_limit"][1],
            nullptr);
  EXPECT_THAT(read_model_config(write("b.json", "{")).error().message, HasSubstr("b.json is not valid JSON"));
  EXPECT_THAT(read_model_config(write("c.json", std::string(17 << 20, ' '))).error().message,
              HasSubstr("c.json is larger than 16 MiB"));
  EXPECT_THAT(read_model_config(folder_.path()).error().message, HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace moetune::cli
