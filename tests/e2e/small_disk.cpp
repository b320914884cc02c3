#include "tests/e2e/small_disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace moetune::e2e {
namespace {

/// Writes one of the files in /proc/self that say who the user of a new namespace is outside of it.
bool write_fact(const char* file, const std::string& text) {
  std::ofstream stream(file);
  stream << text;
  stream.close();
  return !stream.fail();
}

/// Leaves the mounts that everybody sees for a copy that only this process and its children see; "" or why not.
std::string enter_own_mounts() {
  const auto user = ::geteuid();
  const auto group = ::getegid();
  if (::unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return fmt::format("no mount namespace: {}", std::strerror(errno));
  }
  const bool known = user == 0 || (write_fact("/proc/self/setgroups", "deny") &&
                                   write_fact("/proc/self/uid_map", fmt::format("0 {} 1", user)) &&
                                   write_fact("/proc/self/gid_map", fmt::format("0 {} 1", group)));
  if (!known) return fmt::format("no user namespace: {}", std::strerror(errno));
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return fmt::format("mounts stay shared: {}", std::strerror(errno));
  }
  return "";
}

}  // namespace

std::unique_ptr<SmallDisk> SmallDisk::mount(const std::filesystem::path& folder, std::int64_t bytes, std::string& why) {
  static const std::string refusal = enter_own_mounts();
  why = refusal;
  if (!why.empty()) return nullptr;
  std::filesystem::create_directories(folder);
  const std::string options = fmt::format("size={},mode=0700", bytes);
  if (::mount("none", folder.c_str(), "tmpfs", 0, options.c_str()) != 0) {
    why = fmt::format("cannot mount on {}: {}", folder.string(), std::strerror(errno));
    return nullptr;
  }
  return std::unique_ptr<SmallDisk>(new SmallDisk(folder));
}

SmallDisk::~SmallDisk() {
  ::umount2(folder_.c_str(), MNT_DETACH);
}

void SmallDisk::fill() const {
  const int file = ::open(ballast().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string block(4096, 'b');
  while (::write(file, block.data(), block.size()) > 0) {
  }
  const int error = errno;
  ::close(file);
  if (error != ENOSPC)
    throw std::runtime_error(fmt::format("{} is not full: {}", folder_.string(), std::strerror(error)));
}

void SmallDisk::relieve() const {
  std::filesystem::remove(ballast());
}

void SmallDisk::make_read_only() const {
  if (::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
    throw std::runtime_error(fmt::format("{} stays writable: {}", folder_.string(), std::strerror(errno)));
  }
}

}  // namespace moetune::e2e
