#pragma once

#include <filesystem>
#include <string_view>

namespace moetune::fuzz {

/// A folder of its own under $TMPDIR that is gone with the object. Not thread-safe.
class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();

  const std::filesystem::path& path() const { return path_; }
  /// Makes or overwrites a file with these bytes.
  std::filesystem::path write(std::string_view name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace moetune::fuzz
