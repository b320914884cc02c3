#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace moetune::e2e {

/// A file system of a few MiB in memory, mounted on a folder for this process and its children alone, and gone with
/// the object. Needs root or unprivileged user namespaces, and a process with one thread.
class SmallDisk {
 public:
  /// Makes the folder and mounts on it. Empty, with the reason in `why`, where that is not allowed.
  static std::unique_ptr<SmallDisk> mount(const std::filesystem::path& folder, std::int64_t bytes, std::string& why);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  const std::filesystem::path& folder() const { return folder_; }
  /// Takes all the space that is left.
  void fill() const;
  /// Gives it back.
  void relieve() const;
  void make_read_only() const;

 private:
  explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path ballast() const { return folder_ / "ballast"; }

  std::filesystem::path folder_;
};

}  // namespace moetune::e2e
