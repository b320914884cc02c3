#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "daemon/temporary_file.hpp"
#include "kernels/sha256.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// One upload on its way in. Dropped without commit() it leaves nothing. Not thread-safe.
class Upload {
 public:
  Upload(TemporaryFile file, std::filesystem::path folder);

  schema::Result<void> write(std::string_view bytes);
  /// Makes the file durable under its name and returns its id. Uploading the same bytes again gives the same id.
  schema::Result<std::string> commit();

 private:
  TemporaryFile file_;
  std::filesystem::path folder_;
  kernels::Sha256 digest_;
};

/// Files that clients gave to the daemon (recordings, model configurations), kept in one folder under the SHA-256 of
/// their bytes, so that over HTTP nothing names a path. Thread-safe.
class UploadStore {
 public:
  /// Makes the folder (0700) and removes what a killed daemon left half-written in it. Errors: io.
  static schema::Result<UploadStore> open(std::filesystem::path folder);

  /// Removes what no sweep of `in_use` names and nobody has uploaded for a month.
  void remove_unused(const std::set<std::string>& in_use) const;

  schema::Result<Upload> begin() const;
  /// The file of an id that commit() gave. Errors: invalid_argument when it is no id, not_found.
  schema::Result<std::filesystem::path> path(std::string_view id) const;
  /// A scratch file on the same disk that disappears with the object.
  schema::Result<TemporaryFile> temporary() const;

 private:
  explicit UploadStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace moetune::daemon
