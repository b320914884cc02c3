#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "db/database.hpp"

namespace moetune::db {

/// Everything that a database answers, as one text: sweeps, attempts, trials with samples, best rows, catalog.
/// Errors: those of the first answer that failed.
Result<std::string> everything_in(const Database& database);

/// What a database file and its log held at one moment, to be laid down again as after a crash.
struct DatabaseImage {
  std::string file;
  std::string log;

  static DatabaseImage of(const std::filesystem::path& data_dir);
  /// Replaces what is in the folder; leaves no log when `log` is empty.
  void lay_down(const std::filesystem::path& data_dir) const;
};

/// Opens what is in the folder as a daemon would and reads everything; the error when it was refused.
Result<std::string> read_back(const std::filesystem::path& data_dir);

}  // namespace moetune::db
