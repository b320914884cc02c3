#include "db/database_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "db/file_examination.hpp"
#include "db/folder_lock.hpp"
#include "db/sync_path.hpp"

namespace moetune::db {
namespace {

std::unexpected<Error> refused(const std::filesystem::path& path, std::string_view what) {
  return schema::fail(ErrorCode::io, fmt::format("{} cannot be {}: {}", path.string(), what, std::strerror(errno)));
}

/// An empty file that only this user can read, and its name made to last.
Result<void> make_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return refused(file, "created");
  ::close(descriptor);
  return sync_path(file.parent_path()) ? Result<void>() : refused(file.parent_path(), "synced");
}

Result<void> prepare(Connection& connection, const SchemaDefinition& definition, Writers writers) {
  return guarded([&]() -> Result<void> {
    if (const std::string mode = connection.text("PRAGMA journal_mode = WAL"); mode != "wal") {
      return schema::fail(ErrorCode::io, fmt::format("{}: this file system allows no write-ahead log (journal mode {})",
                                                     connection.path().string(), mode));
    }
    if (auto done = migrate(connection, definition); !done) return done;
    // Folded in, so that the file alone is complete and its length can be judged. A reader may be in the way.
    const bool busy = connection.integer("PRAGMA wal_checkpoint(TRUNCATE)") != 0;
    if (auto fits = check_version(connection, definition); !fits) return fits;
    return busy || writers == Writers::several ? Result<void>() : examine_length(connection.path());
  });
}

bool has_log(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(log_path(file), error);
  return !error && size > 0;
}

}  // namespace

Result<std::unique_ptr<Connection>> open_writer(const ConnectionOptions& options, const SchemaDefinition& definition,
                                                Writers writers) {
  auto condition = examine_database_file(options.path);
  if (!condition) return std::unexpected(condition.error());
  if (writers == Writers::one) {
    if (auto whole = examine_log(options.path); !whole) return std::unexpected(whole.error());
  }
  if (*condition == FileCondition::missing) {
    if (auto made = make_file(options.path); !made) return std::unexpected(made.error());
  }
  return guarded([&]() -> Result<std::unique_ptr<Connection>> {
    auto connection = std::make_unique<Connection>(options);
    if (auto ready = prepare(*connection, definition, writers); !ready) return std::unexpected(ready.error());
    return connection;
  });
}

Result<OpenMode> examine_for_reading(const std::filesystem::path& file, const std::filesystem::path& lock_file,
                                     const SchemaDefinition& definition) {
  auto condition = examine_database_file(file);
  if (!condition) return std::unexpected(condition.error());
  if (*condition == FileCondition::missing) {
    return schema::fail(ErrorCode::not_found, fmt::format("there is no database {}", file.string()));
  }
  if (!FolderLock::is_held(lock_file)) {
    auto whole = examine_log(file);
    if (!whole && !FolderLock::is_held(lock_file)) return std::unexpected(whole.error());
  }
  const auto try_mode = [&](OpenMode mode) {
    return guarded([&]() -> Result<OpenMode> {
      Connection connection({.path = file, .mode = mode});
      if (auto fits = check_version(connection, definition); !fits) return std::unexpected(fits.error());
      return mode;
    });
  };
  auto mode = try_mode(OpenMode::read);
  // In a folder that cannot be written SQLite cannot make the log's index; without a log and a writer none is needed.
  const bool unchanging = !has_log(file) && !FolderLock::is_held(lock_file);
  if (!mode && mode.error().code == ErrorCode::io && unchanging) return try_mode(OpenMode::immutable);
  return mode;
}

Result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path path = folder.has_filename() ? folder : folder.parent_path();
  const std::filesystem::path parent = path.parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(path.c_str(), 0700) == 0) {
    sync_path(parent);  // not possible in a parent that cannot be read, which is no reason to refuse
    return {};
  }
  const int reason = errno;
  if (reason == EEXIST && std::filesystem::is_directory(path, error)) return {};
  if (reason == EEXIST) {
    return schema::fail(ErrorCode::io, fmt::format("{} is in the place of the folder that is wanted", path.string()));
  }
  errno = reason;
  return refused(path, "created");
}

}  // namespace moetune::db
