// The tuned files that the engines ship: every one goes through import and export, by the real executables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/e2e/running_daemon.hpp"
#include "tests/file_bytes.hpp"

namespace moetune::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

/// What is pinned of one engine's release.
struct Release {
  std::string engine;
  std::string version;
  std::size_t files = 0;
  std::size_t canonical = 0;  ///< in the form that the tuners write today
  std::size_t tiles = 0;
  std::size_t unusable = 0;  ///< rows of the files for another kernel than Triton's
};

void PrintTo(const Release& release, std::ostream* out) {  // NOLINT(readability-identifier-naming): GoogleTest's name
  *out << release.engine << " " << release.version;
}

class ShippedImportTest : public testing::TestWithParam<Release> {
 protected:
  void SetUp() override {
    const char* cache = std::getenv("MOETUNE_ENGINE_CACHE");
    source_ = fs::path(cache != nullptr ? cache : MOETUNE_ENGINES) /
              (GetParam().engine + "-" + GetParam().version + "-tuned");
    if (!fs::is_directory(source_)) GTEST_SKIP() << "the engines' files were not fetched";
    daemon_.emplace(RunningDaemon::Options{.data_dir = folder_.path() / "data", .cache_dir = folder_.path() / "cache"});
  }
  /// An installed package: the release's files beside its metadata.
  fs::path package() const {
    const fs::path site = folder_.path() / "site-packages";
    fs::copy(source_, site, fs::copy_options::recursive);
    fs::create_directories(site / (GetParam().engine + "-" + GetParam().version + ".dist-info"));
    return site;
  }
  Finished import(const fs::path& folder) const {
    return run_program({executable("moetune"), "--server", daemon_->url(), "import", folder.string()});
  }
  /// All sets, by the path from which they came.
  std::map<std::string, json> sets() const {
    std::map<std::string, json> found;
    json next = 0;
    while (!next.is_null()) {
      const json page = daemon_->get("/candidates?limit=1000&after=" + next.dump()).json();
      for (const json& item : page["items"]) found[item["path"]] = item;
      next = page["next"];
    }
    return found;
  }

  TempFolder folder_;
  fs::path source_;
  std::optional<RunningDaemon> daemon_;
};

TEST_P(ShippedImportTest, EveryFileComesBackAsItWas) {
  const fs::path site = package();
  const Finished imported = import(site);
  ASSERT_EQ(imported.status, 0) << imported.err;
  EXPECT_EQ(imported.err, "");
  const auto all = sets();
  EXPECT_EQ(all.size(), GetParam().files);
  std::size_t canonical = 0;
  std::size_t tiles = 0;
  std::size_t unusable = 0;
  for (const auto& [path, set] : all) {
    const std::string text = file_bytes(path);
    const Answer file = daemon_->get("/candidates/" + set["id"].dump() + "/file");
    ASSERT_EQ(file.status, 200) << path << file.body;
    const auto meant = ordered_json::parse(text);
    EXPECT_EQ(ordered_json::parse(file.body), meant) << path;
    const bool in_todays_form = text == meant.dump(4) + "\n";
    EXPECT_EQ(file.body == text, in_todays_form) << path;
    EXPECT_EQ(set["canonical"], in_todays_form) << path;
    EXPECT_EQ(set["file"], fs::path(path).filename().string());
    EXPECT_EQ(set["engine"], GetParam().engine) << path;
    EXPECT_EQ(set["engine_version"], GetParam().version) << path;
    const std::string parent = fs::path(path).parent_path().filename().string();
    EXPECT_EQ(set["folder"], parent.starts_with("triton_") ? json(parent) : json()) << path;
    EXPECT_EQ(set["bytes"], text.size()) << path;
    canonical += in_todays_form ? 1 : 0;
    tiles += set["rows"].get<std::size_t>();
    unusable += set["unusable"].get<std::size_t>();
  }
  EXPECT_EQ(canonical, GetParam().canonical);
  EXPECT_EQ(tiles, GetParam().tiles);
  EXPECT_EQ(unusable, GetParam().unusable);
}

TEST_P(ShippedImportTest, TheSameFilesAgainAddNothing) {
  const fs::path site = package();
  ASSERT_EQ(import(site).status, 0);
  const Finished again = import(site);
  EXPECT_EQ(again.status, 0) << again.err;
  const std::string count = std::to_string(GetParam().files);
  EXPECT_THAT(again.out, testing::HasSubstr(count + " engine files, 0 new, " + count + " known already, 0 unreadable"));
  EXPECT_EQ(sets().size(), GetParam().files);
}

INSTANTIATE_TEST_SUITE_P(Releases, ShippedImportTest,
                         testing::Values(Release{"vllm", "0.33.0", 338, 237, 5929, 128},
                                         Release{"sglang", "0.5.23", 390, 351, 6971, 0}),
                         [](const testing::TestParamInfo<Release>& release) { return release.param.engine; });

}  // namespace
}  // namespace moetune::e2e
