#include "schema/publish/generation_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "schema/publish/manifest.hpp"

namespace moetune::schema::publish {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_store = ".moetune";
constexpr std::string_view k_current = "current";
constexpr std::string_view k_lock = "lock";
constexpr auto k_patience = std::chrono::seconds(3);
constexpr auto k_pause = std::chrono::milliseconds(50);

/// The name in a generation: without an extension, so that nobody who looks for *.json finds files twice.
std::string stored_name(const std::string& path) {
  return path == k_manifest_name ? "manifest" : path.substr(0, path.size() - std::string_view(".json").size());
}

std::optional<std::int64_t> number_of(std::string_view name) {
  std::int64_t number = 0;
  const auto digits = name.substr(std::min<std::size_t>(1, name.size()));
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  return name.starts_with('g') && whole && number > 0 ? std::optional(number) : std::nullopt;
}

bool is_file_at(int fd, const fs::path& path) {
  struct stat opened{};
  struct stat named{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

/// The descriptor of the locked file; nothing while somebody else has it, or where he took it away with his store.
Result<std::optional<int>> try_lock(const fs::path& path) {
  // For writing: NFS locks no other file exclusively.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return io_failure("open", path, errno);
  const int reason = ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  if (reason == 0 && is_file_at(fd, path)) return fd;
  ::close(fd);
  if (reason != 0 && reason != EWOULDBLOCK) return io_failure("lock", path, reason);
  return std::nullopt;
}

/// The descriptor of the locked file in a folder's store, which is made where it is missing.
Result<int> take_lock(const fs::path& folder, const Disk& disk) {
  const auto deadline = std::chrono::steady_clock::now() + k_patience;
  for (;;) {
    if (auto made = disk.make_folders(folder, k_store); !made) return std::unexpected(made.error());
    const auto lock = try_lock(folder / k_store / k_lock);
    if (!lock) return std::unexpected(lock.error());
    if (*lock) return **lock;
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(k_pause);
  }
  return fail(ErrorCode::conflict, fmt::format("another process publishes into {}: try again", folder.string()));
}

}  // namespace

GenerationStore::GenerationStore(fs::path store, int lock, const Disk& disk)
    : store_(std::move(store)), lock_(lock), disk_(&disk) {}

GenerationStore::GenerationStore(GenerationStore&& other) noexcept
    : store_(std::move(other.store_)),
      lock_(std::exchange(other.lock_, -1)),
      disk_(other.disk_),
      current_(other.current_),
      is_new_(other.is_new_),
      building_(std::exchange(other.building_, false)) {}

GenerationStore::~GenerationStore() {
  if (lock_ < 0) return;
  if (building_) disk_->remove(generation(current_ + 1));
  if (is_new_) {
    std::error_code ignored;
    disk_->remove(store_ / k_lock);
    fs::remove(store_, ignored);  // not what somebody else may have put there
  }
  ::close(lock_);
}

Result<GenerationStore> GenerationStore::open(const fs::path& folder, const Disk& disk) {
  const auto lock = take_lock(folder, disk);
  if (!lock) return std::unexpected(lock.error());
  GenerationStore store(folder / k_store, *lock, disk);
  if (auto read = store.read_current(); !read) return std::unexpected(read.error());
  store.remove_leftovers();
  return store;
}

Result<void> GenerationStore::read_current() {
  const auto link = store_ / k_current;
  std::error_code error;
  const auto target = fs::read_symlink(link, error);
  if (error == std::errc::no_such_file_or_directory) {
    is_new_ = true;
    return {};
  }
  const auto number = error ? std::nullopt : number_of(target.string());
  if (!number || !fs::is_directory(generation(*number), error)) {
    return fail(ErrorCode::data_damaged,
                fmt::format("{} is not what moetune made: remove {} to publish anew (its files are the folder's)",
                            link.string(), store_.string()));
  }
  current_ = *number;
  return {};
}

/// Generations that were never finished, and those before the previous one. That one stays: the current one may have
/// come this very moment, from another process, while an engine was on its way to a file of it.
void GenerationStore::remove_leftovers() const {
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(store_, ignored)) {
    const auto number = number_of(entry.path().filename().string());
    if (number && *number != current_ && *number != current_ - 1) left.push_back(entry.path());
  }
  for (const auto& path : left) disk_->remove(path);
}

fs::path GenerationStore::generation(std::int64_t number) const {
  return store_ / fmt::format("g{}", number);
}

std::string GenerationStore::link_target(const std::string& path) {
  std::string up;
  for (auto slashes = std::ranges::count(path, '/'); slashes > 0; --slashes) up += "../";
  return fmt::format("{}{}/{}/{}", up, k_store, k_current, stored_name(path));
}

std::optional<fs::path> GenerationStore::file(const std::string& path) const {
  if (current_ == 0) return std::nullopt;
  return generation(current_) / stored_name(path);
}

Result<std::optional<std::string>> GenerationStore::manifest() const {
  const auto path = file(std::string(k_manifest_name));
  if (!path) return std::nullopt;
  auto text = read_small(*path);
  if (!text) return std::unexpected(text.error());
  return std::optional(std::move(*text));
}

Result<fs::path> GenerationStore::place_for(const std::string& path, std::int64_t number) const {
  const fs::path name = stored_name(path);
  if (auto made = disk_->make_folders(generation(number), name.parent_path()); !made) {
    return std::unexpected(made.error());
  }
  return generation(number) / name;
}

Result<void> GenerationStore::shelter(const std::string& path, const fs::path& from) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(*file(path), error))) return {};
  const auto place = place_for(path, current_);
  return place ? disk_->link_or_copy(from, *place) : std::unexpected(place.error());
}

Result<void> GenerationStore::begin() {
  building_ = true;
  return disk_->make_folders(store_, generation(current_ + 1).filename());
}

Result<void> GenerationStore::add(const std::string& path, std::string_view bytes) {
  const auto place = place_for(path, current_ + 1);
  return place ? disk_->write_new(*place, bytes) : std::unexpected(place.error());
}

Result<void> GenerationStore::keep(const std::string& path) {
  const auto place = place_for(path, current_ + 1);
  return place ? disk_->link_or_copy(*file(path), *place) : std::unexpected(place.error());
}

Result<void> GenerationStore::commit(std::string_view manifest) {
  const auto folder = generation(current_ + 1);
  const auto written = disk_->write_new(folder / stored_name(std::string(k_manifest_name)), manifest);
  if (!written) return written;
  std::vector<fs::path> folders = {folder, store_};
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_directory(error)) folders.push_back(entry.path());
  }
  for (const auto& each : folders) {
    if (auto synced = disk_->sync_folder(each); !synced) return synced;
  }
  const auto linked = disk_->place_symlink(folder.filename().string(), store_ / k_current);
  if (!linked) return linked;
  building_ = false;
  is_new_ = false;
  ++current_;
  return disk_->sync_folder(store_);
}

}  // namespace moetune::schema::publish
