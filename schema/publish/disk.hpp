#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "schema/error.hpp"

namespace moetune::schema::publish {

/// "cannot ACTION PATH: REASON".
std::unexpected<Error> io_failure(std::string_view action, const std::filesystem::path& path, int error);

/// A regular file's bytes, at most 16 MiB. Errors: not_found; io.
Result<std::string> read_small(const std::filesystem::path& path);

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

/// The changes that publishing makes to a disk. `after_step` is called after each of the system's calls that change
/// something: the seam at which a test ends the process. Errors of all: io, with path and reason.
class Disk {
 public:
  using AfterStep = std::function<void()>;
  explicit Disk(AfterStep after_step) : after_step_(std::move(after_step)) {}

  /// A new file with these bytes, durable but for its name.
  Result<void> write_new(const std::filesystem::path& path, std::string_view bytes) const;
  /// Makes the names in a folder durable.
  Result<void> sync_folder(const std::filesystem::path& folder) const;
  /// A folder and those above it down from `base`, where they are missing. Errors also for a file or a link in place of
  /// one of them.
  Result<void> make_folders(const std::filesystem::path& base, const std::filesystem::path& below) const;
  /// Another name for a file, or for the one that a symbolic link leads to; where the file system has none, a copy with
  /// its time of change.
  Result<void> link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to) const;
  /// Makes another name for a file, in the place of whatever file or link stands at `to`.
  Result<void> place_file(const std::filesystem::path& from, const std::filesystem::path& to) const;
  /// Makes a symbolic link, in the place of whatever file or link stands at `path`.
  Result<void> place_symlink(const std::string& target, const std::filesystem::path& path) const;
  /// Removes a file or a folder with all that is in it, as far as that works.
  void remove(const std::filesystem::path& path) const;

  /// What a killed process may leave beside a file that it was placing.
  static constexpr std::string_view k_temporary = ".moetune-new";

 private:
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) const;
  void step() const {
    if (after_step_) after_step_();
  }
  AfterStep after_step_;
};

}  // namespace moetune::schema::publish
