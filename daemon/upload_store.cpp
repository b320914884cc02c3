#include "daemon/upload_store.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "kernels/atomic_file.hpp"

namespace moetune::daemon {

namespace fs = std::filesystem;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

constexpr std::size_t k_id_digits = 64;
constexpr auto k_kept = std::chrono::days(30);

bool is_id(std::string_view id) {
  return id.size() == k_id_digits &&
         std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::error_code remove_leftovers(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(kernels::AtomicFile::k_temporary_prefix)) {
      fs::remove(entry.path(), error);
    }
  }
  return error;
}

}  // namespace

Upload::Upload(TemporaryFile file, fs::path folder) : file_(std::move(file)), folder_(std::move(folder)) {}

Result<void> Upload::write(std::string_view bytes) {
  digest_.update(bytes);
  return file_.write(bytes);
}

Result<std::string> Upload::commit() {
  std::string id = kernels::to_hex(digest_.finish());
  if (auto renamed = file_.rename_to(folder_ / id); !renamed) return std::unexpected(renamed.error());
  return id;
}

Result<UploadStore> UploadStore::open(fs::path folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (!error) error = remove_leftovers(folder);
  if (error) {
    return fail(ErrorCode::io, fmt::format("cannot use {} for uploads: {}", folder.string(), error.message()));
  }
  return UploadStore(std::move(folder));
}

void UploadStore::remove_unused(const std::set<std::string>& in_use) const {
  std::error_code ignored;
  const auto oldest = fs::file_time_type::clock::now() - k_kept;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    const std::string id = entry.path().filename();
    if (!is_id(id) || in_use.contains(id) || entry.last_write_time(ignored) > oldest) continue;
    if (fs::remove(entry.path(), ignored))
      spdlog::info("upload {} removed: a month old, and no sweep waits for it", id);
  }
}

Result<Upload> UploadStore::begin() const {
  auto file = temporary();
  if (!file) return std::unexpected(file.error());
  return Upload(std::move(*file), folder_);
}

Result<fs::path> UploadStore::path(std::string_view id) const {
  if (!is_id(id)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not the id of an upload: those have {} hex digits", id, k_id_digits));
  }
  fs::path path = folder_ / id;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return fail(ErrorCode::not_found, fmt::format("there is no upload {}; POST /uploads first", id));
  }
  return path;
}

Result<TemporaryFile> UploadStore::temporary() const {
  return TemporaryFile::create(folder_);
}

}  // namespace moetune::daemon
