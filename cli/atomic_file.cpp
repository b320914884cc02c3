#include "cli/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace moetune::cli {
namespace {

using schema::Error;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

Error exists_already(const std::filesystem::path& path) {
  return Error{ErrorCode::conflict, fmt::format("{} exists already and is left as it is", path.string()), nullptr};
}

/// mkostemp makes files that only their owner reads; a result gets the mode that any new file would get.
void give_usual_mode(int fd) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd, 0666 & ~mask);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path, std::string temporary, int fd, Overwrite overwrite)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd), overwrite_(overwrite) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)),
      overwrite_(other.overwrite_) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Error AtomicFile::failure(std::string_view action, int error) const {
  return Error{ErrorCode::io, fmt::format("cannot {} {}: {}", action, path_.string(), std::strerror(error)), nullptr};
}

Result<AtomicFile> AtomicFile::create(std::filesystem::path path, Overwrite overwrite) {
  std::error_code error;
  if (overwrite == Overwrite::no && std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    return std::unexpected(exists_already(path));
  }
  // Not derived from the file's name, which may already be as long as names can be.
  std::string temporary = ((path.has_parent_path() ? path.parent_path() : ".") / ".moetune-XXXXXX").string();
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return fail(ErrorCode::io, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  give_usual_mode(fd);
  return AtomicFile(std::move(path), std::move(temporary), fd, overwrite);
}

Result<void> AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(failure("write", errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> AtomicFile::sync() {
  if (::fsync(fd_) != 0) return std::unexpected(failure("write", errno));
  return {};
}

Result<void> AtomicFile::replace() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return std::unexpected(failure("write", errno));
  temporary_.clear();
  return {};
}

Result<std::filesystem::path> AtomicFile::keep_replaced() const {
  std::filesystem::path kept = temporary_ + "-old";
  if (::link(path_.c_str(), kept.c_str()) == 0) return kept;
  if (errno == ENOENT) return std::filesystem::path();
  std::error_code error;  // not every file system has links, and nothing has links to folders
  if (std::filesystem::copy_file(path_, kept, error)) return kept;
  return std::unexpected(failure("write", error ? error.value() : EEXIST));
}

Result<void> AtomicFile::commit_both(AtomicFile& first, AtomicFile& second) {
  for (AtomicFile* file : {&first, &second}) {
    if (auto synced = file->sync(); !synced) return synced;
  }
  const auto kept = first.keep_replaced();
  if (!kept) return std::unexpected(kept.error());
  auto done = first.replace();
  if (done) {
    done = second.replace();
    if (!done && kept->empty()) {
      ::unlink(first.path_.c_str());
    } else if (!done && ::rename(kept->c_str(), first.path_.c_str()) != 0) {
      done.error().message += fmt::format("; what {} was before is in {}", first.path_.string(), kept->string());
      return done;
    }
  }
  if (!kept->empty()) ::unlink(kept->c_str());
  return done;
}

Result<void> AtomicFile::commit() {
  if (auto synced = sync(); !synced) return synced;
  if (overwrite_ == Overwrite::no) {
    // A link, unlike a rename, never replaces what somebody else put there meanwhile.
    if (::link(temporary_.c_str(), path_.c_str()) == 0) return {};
    if (errno == EEXIST) return std::unexpected(exists_already(path_));
    if (errno != EPERM && errno != EOPNOTSUPP) return std::unexpected(failure("write", errno));
  }
  return replace();
}

}  // namespace moetune::cli
