#include "cli/global_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using testing::HasSubstr;

Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(GlobalOptionsTest, FollowsTheXdgSpecification) {
  EXPECT_EQ(data_folder({}, environment({{"XDG_DATA_HOME", "/data"}, {"HOME", "/somebody"}})).value(), "/data/moetune");
  EXPECT_EQ(data_folder({}, environment({{"XDG_DATA_HOME", "relative"}, {"HOME", "/somebody"}})).value(),
            "/somebody/.local/share/moetune");
  EXPECT_EQ(data_folder({}, environment({{"HOME", "/somebody"}})).value(), "/somebody/.local/share/moetune");
  EXPECT_THAT(data_folder({}, environment({})).error().message, HasSubstr("--data-dir"));
}

TEST(GlobalOptionsTest, MakesTheDataFolderAbsolute) {
  GlobalOptions options;
  options.data_dir = "some/../folder";
  EXPECT_EQ(data_folder(options, environment({})).value(), std::filesystem::current_path() / "folder");
  options.data_dir = "";
  EXPECT_FALSE(data_folder(options, environment({})));
}

TEST(GlobalOptionsTest, PrefersTheTokenFileToTheEnvironment) {
  const TemporaryFolder folder;
  GlobalOptions options;
  EXPECT_EQ(token_of(options, environment({})).value(), "");
  EXPECT_EQ(token_of(options, environment({{"MOETUNE_TOKEN", "from-env"}})).value(), "from-env");
  options.token_file = folder.file("token", "from-file\n").string();
  EXPECT_EQ(token_of(options, environment({{"MOETUNE_TOKEN", "from-env"}})).value(), "from-file");
}

TEST(GlobalOptionsTest, RefusesATokenFileWithoutAToken) {
  const TemporaryFolder folder;
  GlobalOptions options;
  options.token_file = folder.file("token", "\n").string();
  EXPECT_THAT(token_of(options, environment({})).error().message, HasSubstr("holds no token"));
  options.token_file = (folder.path() / "missing").string();
  EXPECT_THAT(token_of(options, environment({})).error().message, HasSubstr("missing"));
}

TEST(GlobalOptionsTest, RepeatsWhatLeadsToTheDaemon) {
  GlobalOptions options;
  EXPECT_EQ(command_prefix(options), "moetune");
  options.data_dir = "my data";
  EXPECT_EQ(command_prefix(options), "moetune --data-dir 'my data'");
  options.program = "./my build/moetune";
  EXPECT_EQ(command_prefix(options), "'./my build/moetune' --data-dir 'my data'");
}

}  // namespace
}  // namespace moetune::cli
