#include "db/connection.hpp"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>

#include "db/checksum_vfs.hpp"

namespace moetune::db {
namespace {

using schema::Error;
using schema::ErrorCode;

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::write:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    case OpenMode::read:
      return SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    case OpenMode::immutable:
      return SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  }
  return SQLITE_OPEN_READONLY;
}

/// file: URI of a path; only an immutable database needs one.
std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

std::string system_reason(sqlite3* handle, const SQLite::Exception& exception) {
  const int number = handle == nullptr ? 0 : sqlite3_system_errno(handle);
  return number == 0 ? std::string(exception.getErrorStr()) : std::string(std::strerror(number));
}

Error error_of(const SQLite::Exception& exception, sqlite3* handle, const std::filesystem::path& path) {
  const std::string file = path.string();
  const int code = exception.getErrorCode() & 0xFF;
  const int extended = exception.getExtendedErrorCode();
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::unavailable, fmt::format("{} is busy: another program is writing to it; try again", file)};
    case SQLITE_FULL:
      return {ErrorCode::io, fmt::format("{}: no space left on the device; nothing of this change was stored", file)};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::data_damaged, fmt::format("{} is damaged: {}; restore a backup", file, exception.what())};
    case SQLITE_IOERR:
      // Asked rather than SQLITE_IOERR_DATA: the detail of the code is lost on some ways out of SQLite.
      if (const std::string damage = take_damaged_page(); !damage.empty()) {
        return {ErrorCode::data_damaged, fmt::format("{} is damaged: {}; restore a backup", file, damage)};
      }
      return {ErrorCode::io,
              fmt::format("{}: {}; nothing of this change was stored", file, system_reason(handle, exception))};
    case SQLITE_READONLY:
      return {ErrorCode::io, fmt::format("{} cannot be written: {}", file, exception.what())};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return {ErrorCode::io, fmt::format("{} cannot be opened: {}", file, system_reason(handle, exception))};
    case SQLITE_CONSTRAINT:
      return {extended == SQLITE_CONSTRAINT_TRIGGER ? ErrorCode::conflict : ErrorCode::internal,
              fmt::format("{}: {}", file, exception.what())};
    default:
      return {ErrorCode::internal, fmt::format("{}: {}", file, exception.what())};
  }
}

}  // namespace

Connection::Connection(const ConnectionOptions& options) : path_(options.path) {
  const char* const vfs = checksum_vfs();
  if (vfs == nullptr) throw Fault({ErrorCode::internal, "the checked file layer could not be registered with sqlite"});
  const std::string name = options.mode == OpenMode::immutable ? immutable_uri(path_) : path_.string();
  checked([&] {
    database_ = std::make_unique<SQLite::Database>(name, open_flags(options.mode),
                                                   static_cast<int>(options.busy_timeout.count()), vfs);
    configure(options);
  });
}

Connection::Connection() : path_(":memory:") {
  checked(
      [&] { database_ = std::make_unique<SQLite::Database>(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE); });
}

Connection::~Connection() = default;

void Connection::configure(const ConnectionOptions& options) {
  sqlite3* const handle = database_->getHandle();
  int reserved = k_page_reserved_bytes;
  sqlite3_file_control(handle, nullptr, SQLITE_FCNTL_RESERVE_BYTES, &reserved);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  execute(
      fmt::format("PRAGMA page_size = {}; PRAGMA foreign_keys = ON; PRAGMA synchronous = {}; "
                  "PRAGMA cache_size = -{}; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; "
                  "PRAGMA secure_delete = ON; PRAGMA recursive_triggers = ON; PRAGMA wal_autocheckpoint = 4000; "
                  "PRAGMA journal_size_limit = 67108864",
                  k_page_bytes, options.sync_every_commit ? "FULL" : "NORMAL", options.cache_kib));
}

Query Connection::prepared(std::string_view sql) {
  Prepared& entry = prepared_[sql.data()];
  return checked([&]() -> Query {
    const auto prepare = [&] { return std::make_unique<SQLite::Statement>(*database_, std::string(sql)); };
    if (!entry.statement) entry.statement = prepare();
    if (entry.in_use) return Query(*this, prepare());
    return Query(*this, *entry.statement, entry.in_use);
  });
}

void Connection::execute(const std::string& script) {
  checked([&] { database_->exec(script); });
}

std::int64_t Connection::integer(const std::string& sql) {
  return checked([&] { return database_->execAndGet(sql).getInt64(); });
}

std::string Connection::text(const std::string& sql) {
  return checked([&] { return database_->execAndGet(sql).getString(); });
}

std::int64_t Connection::last_insert_id() const {
  return database_->getLastInsertRowid();
}

bool Connection::in_transaction() const {
  return sqlite3_get_autocommit(database_->getHandle()) == 0;
}

void Connection::roll_back() noexcept {
  if (in_transaction()) database_->tryExec("ROLLBACK");
}

void Connection::copy_to(Connection& target) {
  target.checked([&] {
    SQLite::Backup backup(*target.database_, *database_);
    const int code = backup.executeStep(-1);
    if (code != SQLITE_DONE) throw SQLite::Exception(target.database_->getHandle(), code);
  });
}

void Connection::clear_fault() {
  fault_.reset();
  busy_ = false;
}

void Connection::rethrow() {
  try {
    throw;
  } catch (const SQLite::Exception& exception) {
    const int code = exception.getErrorCode() & 0xFF;
    busy_ = busy_ || code == SQLITE_BUSY || code == SQLITE_LOCKED;
    fault_ = error_of(exception, database_ ? database_->getHandle() : nullptr, path_);
  } catch (const std::exception& exception) {
    fault_ = Error{ErrorCode::internal, fmt::format("{}: {}", path_.string(), exception.what())};
  }
  throw Fault(*fault_);
}

}  // namespace moetune::db
