#include "tests/schema/publish/folder_fixture.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "schema/publish/disk.hpp"

namespace moetune::schema::publish {

namespace fs = std::filesystem;

namespace {

/// In memory where there is such a place: what a killed process leaves behind is the same, and comes sooner.
fs::path place_for_folders() {
  constexpr const char* k_memory = "/dev/shm";
  return ::access(k_memory, W_OK) == 0 ? fs::path(k_memory) : fs::temp_directory_path();
}

}  // namespace

FileSet set_of(const std::vector<std::string>& paths, const std::string& word) {
  FileSet set{{}, {{"engine", "vllm"}, {"kernel", "vllm"}, {"word", word}}};
  for (const auto& path : paths) set.files.push_back({path, word + " of " + path + "\n"});
  return set;
}

Publication publication_of(std::vector<FileSet> sets, const std::string& database) {
  return {.database = database,
          .tool_version = "1.0",
          .scope = {{{"vllm", "vllm"}}, {}},
          .sets = std::move(sets),
          .left_out = {},
          .other_kernels = {}};
}

void write_file(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

View view_of(const fs::path& folder) {
  View view;
  const auto look = [&](const fs::path& at) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(at, none)) {
      const std::string path = entry.path().lexically_relative(folder).string();
      if (entry.path().extension() == ".json" && path != k_manifest_name && fs::exists(entry.path())) {
        view[path] = file_bytes(entry.path());
      }
    }
  };
  look(folder);
  std::error_code none;
  for (const auto& version : fs::directory_iterator(folder / "configs", none)) look(version.path());
  return view;
}

Manifest manifest_in(const fs::path& folder) {
  if (!fs::exists(folder / k_manifest_name)) return {};
  auto manifest = manifest_from_text(file_bytes(folder / k_manifest_name), "manifest");
  EXPECT_TRUE(manifest) << manifest.error().message;
  return manifest ? *manifest : Manifest{};
}

void expect_true_manifest(const fs::path& folder, const std::vector<std::string>& foreign) {
  const auto manifest = manifest_in(folder);
  const auto view = view_of(folder);
  for (const auto& [path, entry] : manifest.files) {
    ASSERT_TRUE(view.contains(path)) << path;
    EXPECT_EQ(sha256_hex(view.at(path)), entry.sha256) << path;
    for (const auto& partner : entry.set) EXPECT_TRUE(manifest.files.contains(partner)) << path;
  }
  for (const auto& [path, bytes] : view) {
    EXPECT_TRUE(manifest.files.contains(path) || std::ranges::count(foreign, path) > 0) << path;
  }
}

FolderTest::FolderTest()
    : root_(place_for_folders() / fmt::format("moetune_publish_{}", ::getpid())), folder_(root_ / "published") {
  fs::remove_all(root_);
  fs::create_directories(root_);
}

FolderTest::~FolderTest() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

Report FolderTest::update(const Publication& publication, Force force) {
  auto report = update_folder(folder_, publication, force);
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : Report{};
}

}  // namespace moetune::schema::publish
