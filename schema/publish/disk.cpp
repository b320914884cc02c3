#include "schema/publish/disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <stdexcept>
#include <vector>

namespace moetune::schema::publish {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_max_bytes = 16U << 20;

/// A descriptor that is closed with the scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// A name beside `path` that nobody else has: whoever publishes holds the folder's lock.
fs::path temporary_beside(const fs::path& path) {
  return path.parent_path() / Disk::k_temporary;
}

}  // namespace

std::unexpected<Error> io_failure(std::string_view action, const fs::path& path, int error) {
  return fail(ErrorCode::io, fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(error)));
}

Result<std::string> read_small(const fs::path& path) {
  std::error_code error;
  const auto kind = fs::status(path, error).type();
  if (kind == fs::file_type::not_found) return fail(ErrorCode::not_found, fmt::format("there is no {}", path.string()));
  if (kind != fs::file_type::regular) return fail(ErrorCode::io, fmt::format("{} is no file", path.string()));
  std::ifstream file(path, std::ios::binary);
  std::string bytes(k_max_bytes + 1, '\0');
  if (file) file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.is_open() || file.bad()) return io_failure("read", path, errno);
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() > k_max_bytes) return fail(ErrorCode::io, fmt::format("{} is too large", path.string()));
  return bytes;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL has no SHA-256");
  }
  return fmt::format("{:02x}", fmt::join(std::span(digest).first(size), ""));
}

Result<void> Disk::write_new(const fs::path& path, std::string_view bytes) const {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0) return io_failure("write", path, errno);
  step();
  while (!bytes.empty()) {
    const auto written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_failure("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    step();
  }
  if (::fsync(file.get()) != 0) return io_failure("write", path, errno);
  step();
  return {};
}

Result<void> Disk::sync_folder(const fs::path& folder) const {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0 || ::fsync(opened.get()) != 0) return io_failure("write to", folder, errno);
  step();
  return {};
}

Result<void> Disk::make_folders(const fs::path& base, const fs::path& below) const {
  fs::path folder = base;
  for (const auto& part : below) {
    folder /= part;
    if (::mkdir(folder.c_str(), 0755) == 0) {
      step();
      continue;
    }
    if (errno != EEXIST) return io_failure("make the folder", folder, errno);
    struct stat facts{};
    if (::lstat(folder.c_str(), &facts) != 0) return io_failure("look at", folder, errno);
    if (S_ISDIR(facts.st_mode)) continue;
    return fail(ErrorCode::io, fmt::format("{} has to be a folder, and is a file or a link", folder.string()));
  }
  return {};
}

Result<void> Disk::link_or_copy(const fs::path& from, const fs::path& to) const {
  // link(2) would make another name for a symbolic link, which leads elsewhere from there.
  if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    step();
    return {};
  }
  // Not every file system has links, some have few, and a system may not allow links to other people's files.
  if (errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP && errno != EXDEV && errno != ENOSYS) {
    return io_failure("write", to, errno);
  }
  const auto bytes = read_small(from);
  if (!bytes) return std::unexpected(bytes.error());
  struct stat facts{};
  if (::stat(from.c_str(), &facts) != 0) return io_failure("look at", from, errno);
  if (auto written = write_new(to, *bytes); !written) return written;
  const std::array<timespec, 2> times = {facts.st_atim, facts.st_mtim};
  if (::utimensat(AT_FDCWD, to.c_str(), times.data(), 0) != 0) return io_failure("set the time of", to, errno);
  step();
  return {};
}

Result<void> Disk::rename(const fs::path& from, const fs::path& to) const {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    const int reason = errno;
    ::unlink(from.c_str());
    return io_failure("write", to, reason);
  }
  step();
  return {};
}

Result<void> Disk::place_file(const fs::path& from, const fs::path& to) const {
  const auto temporary = temporary_beside(to);
  ::unlink(temporary.c_str());
  if (auto linked = link_or_copy(from, temporary); !linked) return linked;
  return rename(temporary, to);
}

Result<void> Disk::place_symlink(const std::string& target, const fs::path& path) const {
  const auto temporary = temporary_beside(path);
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return io_failure("make the link", path, errno);
  step();
  return rename(temporary, path);
}

void Disk::remove(const fs::path& path) const {
  std::error_code ignored;
  if (fs::is_directory(fs::symlink_status(path, ignored))) {
    // By hand: each of the names that go is a step.
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(path, ignored)) names.push_back(entry.path());
    for (const auto& name : names) remove(name);
  }
  if (fs::remove(path, ignored)) step();
}

}  // namespace moetune::schema::publish
