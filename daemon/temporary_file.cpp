#include "daemon/temporary_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/atomic_file.hpp"

namespace moetune::daemon {

using schema::ErrorCode;
using schema::Result;

namespace {

std::unexpected<schema::Error> refuse(std::string_view doing, const std::filesystem::path& path) {
  return schema::fail(ErrorCode::io, fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(errno)));
}

}  // namespace

TemporaryFile::TemporaryFile(kernels::UniqueFd fd, std::filesystem::path path)
    : fd_(std::move(fd)), path_(std::move(path)) {}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<TemporaryFile> TemporaryFile::create(const std::filesystem::path& folder) {
  std::string name = (folder / fmt::format("{}XXXXXX", kernels::AtomicFile::k_temporary_prefix)).string();
  kernels::UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return refuse("make a file in", folder);
  return TemporaryFile(std::move(fd), name);
}

Result<void> TemporaryFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(fd_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse("write", path_);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> TemporaryFile::rename_to(const std::filesystem::path& target) {
  if (fsync(fd_.get()) != 0) return refuse("sync", path_);
  if (rename(path_.c_str(), target.c_str()) != 0) return refuse("rename a file to", target);
  path_.clear();
  const kernels::UniqueFd folder(open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || fsync(folder.get()) != 0) return refuse("sync", target.parent_path());
  return {};
}

}  // namespace moetune::daemon
