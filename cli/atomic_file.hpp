#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "schema/error.hpp"

namespace moetune::cli {

enum class Overwrite { no, yes };

/// A file that appears under its name complete or not at all: written beside it, made durable, renamed. Without
/// commit() it leaves nothing. Move-only, not thread-safe.
class AtomicFile {
 public:
  /// Errors: io when the folder cannot be written (or does not exist); conflict when the file is there and must stay.
  static schema::Result<AtomicFile> create(std::filesystem::path path, Overwrite overwrite);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  schema::Result<void> write(std::string_view bytes);
  schema::Result<void> commit();

 private:
  AtomicFile(std::filesystem::path path, std::string temporary, int fd, Overwrite overwrite);
  schema::Error failure(std::string_view action, int error) const;

  std::filesystem::path path_;
  std::string temporary_;
  int fd_;
  Overwrite overwrite_;
};

}  // namespace moetune::cli
