#include "kernels/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace moetune::kernels {
namespace {

namespace fs = std::filesystem;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

std::unexpected<schema::Error> io_failure(std::string_view what, const fs::path& path, int error) {
  return fail(ErrorCode::io, fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(error)));
}

/// So that the new name survives a power loss, its folder has to be written too.
Result<void> sync_folder(const fs::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return io_failure("sync the folder", folder, errno);
  return {};
}

}  // namespace

AtomicFile::AtomicFile(UniqueFd fd, fs::path path, fs::path temporary)
    : fd_(std::move(fd)), path_(std::move(path)), temporary_(std::move(temporary)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, fs::path())) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::create(const fs::path& path, unsigned mode) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (error) return io_failure("make the folder", path.parent_path(), error.value());
  std::string name =
      (path.parent_path() / fmt::format("{}{}.XXXXXX", k_temporary_prefix, path.filename().string())).string();
  UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return io_failure("write into the folder of", path, errno);
  AtomicFile file(std::move(fd), path, name);
  if (::fchmod(file.fd_.get(), mode) != 0) return io_failure("set the mode of", name, errno);
  return file;
}

Result<void> AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_failure("write", path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> AtomicFile::commit(Sync sync) {
  if (sync == Sync::yes && ::fsync(fd_.get()) != 0) return io_failure("sync", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return io_failure("rename a temporary file to", path_, errno);
  temporary_.clear();
  fd_.reset();
  if (sync == Sync::no) return {};
  return sync_folder(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

Result<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd && (errno == ENOENT || errno == ENOTDIR))
    return fail(ErrorCode::not_found, fmt::format("{} does not exist", path.string()));
  if (!fd) return io_failure("open", path, errno);
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return io_failure("read", path, errno);
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::io, fmt::format("{} is not a regular file", path.string()));
  if (static_cast<std::uint64_t>(facts.st_size) > max_bytes) {
    return fail(ErrorCode::too_large,
                fmt::format("{} has {} bytes, at most {} are allowed", path.string(), facts.st_size, max_bytes));
  }
  std::string bytes(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto got = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("read", path, errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace moetune::kernels
