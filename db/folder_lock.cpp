#include "db/folder_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace moetune::db {
namespace {

using schema::ErrorCode;
using schema::fail;

struct flock whole_file(short type) {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

/// The process id that the holder wrote, or 0.
long holder_of(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  long pid = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
  return pid;
}

void write_holder(int descriptor) {
  // Only the message of a refusal is poorer when this fails, e.g. on a full disk.
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) == 0 && ::pwrite(descriptor, text.data(), text.size(), 0) < 0) return;
}

}  // namespace

schema::Result<FolderLock> FolderLock::acquire(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return fail(ErrorCode::io, fmt::format("{} cannot be opened: {}", file.string(), std::strerror(errno)));
  }
  FolderLock lock(descriptor);
  // Locks of an open file description: unlike classic ones they also tell two openers in one process apart.
  struct flock range = whole_file(F_WRLCK);
  if (::fcntl(descriptor, F_OFD_SETLK, &range) == 0) {
    write_holder(descriptor);
    return lock;
  }
  if (errno != EAGAIN && errno != EACCES) {
    return fail(ErrorCode::io, fmt::format("{} cannot be locked: {}", file.string(), std::strerror(errno)));
  }
  const long pid = holder_of(descriptor);
  const std::string who = pid > 0 ? fmt::format("the daemon with process id {}", pid) : std::string("another daemon");
  return fail(ErrorCode::conflict, fmt::format("{} is in use by {}", file.parent_path().string(), who),
              pid > 0 ? nlohmann::json{{"pid", pid}} : nlohmann::json());
}

bool FolderLock::is_held(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const FolderLock closes(descriptor);
  struct flock range = whole_file(F_WRLCK);
  return ::fcntl(descriptor, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace moetune::db
