#include "db/backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "db/sync_path.hpp"

namespace moetune::db {
namespace {

std::unexpected<Error> refused(const std::filesystem::path& file, std::string_view what) {
  return schema::fail(ErrorCode::io, fmt::format("{} cannot be {}: {}", file.string(), what, std::strerror(errno)));
}

std::unexpected<Error> already_exists(const std::filesystem::path& file) {
  return schema::fail(ErrorCode::conflict,
                      fmt::format("{} exists; name another file or ask to overwrite it", file.string()));
}

/// A file that is removed at the end unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    ::unlink(path_.c_str());
    ::unlink((path_.string() + "-journal").c_str());
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Result<void> put_in_place(const std::filesystem::path& from, const std::filesystem::path& to, Overwrite overwrite) {
  const unsigned flags = overwrite == Overwrite::yes ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return {};
  if (errno == EEXIST) return already_exists(to);
  return refused(to, "put in place");
}

}  // namespace

Result<void> copy_database(Connection& source, const std::filesystem::path& file, Overwrite overwrite) {
  if (overwrite == Overwrite::no && std::filesystem::exists(std::filesystem::symlink_status(file)))
    return already_exists(file);
  const TemporaryFile temporary(fmt::format("{}.tmp-{}", file.string(), ::getpid()));
  const int made = ::open(temporary.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (made < 0) return refused(temporary.path(), "created");
  ::close(made);
  {
    Connection copy({.path = temporary.path(), .mode = OpenMode::write});
    // Nobody sees the file before it is complete and synced.
    copy.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    source.copy_to(copy);
  }
  if (!sync_path(temporary.path())) return refused(temporary.path(), "synced");
  if (auto placed = put_in_place(temporary.path(), file, overwrite); !placed) return placed;
  if (!sync_path(file.parent_path())) return refused(file.parent_path(), "synced");
  return {};
}

}  // namespace moetune::db
