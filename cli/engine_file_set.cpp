#include "cli/engine_file_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "schema/engine_rows.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<std::vector<fs::path>> json_files_below(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  auto entry = fs::recursive_directory_iterator(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const bool is_folder = entry->is_directory(ignored);
    if (is_folder && entry->path().filename().string().starts_with('.')) entry.disable_recursion_pending();
    const bool is_manifest = entry->path().filename() == "moetune.json";  // of a published folder
    if (!is_folder && !is_manifest && entry->path().extension() == ".json") found.push_back(entry->path());
  }
  if (error) return fail(ErrorCode::io, fmt::format("cannot list {}: {}", folder.string(), error.message()));
  if (found.empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("the folder {} holds no *.json", folder.string()));
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

Result<std::vector<fs::path>> engine_files(const std::vector<std::string>& paths) {
  std::vector<fs::path> files;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return fail(ErrorCode::invalid_argument, fmt::format("there is no file {}", path));
    if (!fs::is_directory(path, ignored)) {
      files.emplace_back(path);
      continue;
    }
    const auto below = json_files_below(path);
    if (!below) return std::unexpected(below.error());
    files.insert(files.end(), below->begin(), below->end());
  }
  return files;
}

Result<std::string> engine_file_text(const fs::path& path) {
  std::string text(schema::k_max_engine_file + 1, '\0');
  std::ifstream file(path, std::ios::binary);
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return fail(ErrorCode::io, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

}  // namespace moetune::cli
