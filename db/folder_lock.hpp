#pragma once

#include <filesystem>

#include "schema/error.hpp"

namespace moetune::db {

/// The exclusive lock of a data folder, held by the daemon as long as the object lives; the kernel drops it when the
/// process ends, however it ends. The file names the holder's process id for the message. Move-only.
class FolderLock {
 public:
  /// Errors: conflict when another process holds it (detail: {"pid": n} where known); io.
  static schema::Result<FolderLock> acquire(const std::filesystem::path& file);
  /// Whether somebody holds it now. False when the file is missing or cannot be read.
  static bool is_held(const std::filesystem::path& file);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace moetune::db
