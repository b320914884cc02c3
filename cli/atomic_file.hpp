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
  /// Commits both or neither: when the second cannot take its place, the first one's gets back what was there. Only the
  /// end of the machine between the two can part them. Precondition: both may overwrite.
  static schema::Result<void> commit_both(AtomicFile& first, AtomicFile& second);

 private:
  AtomicFile(std::filesystem::path path, std::string temporary, int fd, Overwrite overwrite);
  schema::Error failure(std::string_view action, int error) const;
  schema::Result<void> sync();
  schema::Result<void> replace();
  /// Keeps what stands at the path under another name, and returns that; empty when nothing stands there.
  schema::Result<std::filesystem::path> keep_replaced() const;

  std::filesystem::path path_;
  std::string temporary_;
  int fd_;
  Overwrite overwrite_;
};

}  // namespace moetune::cli
