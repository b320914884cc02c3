#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "db/fault.hpp"
#include "db/query.hpp"
#include "schema/error.hpp"

namespace moetune::db {

enum class OpenMode {
  write,      ///< the file exists, be it empty
  read,       ///< the file exists and is not changed; its folder may have to be writable for the log's index
  immutable,  ///< nothing at all can change the file: no locks, no log
};

struct ConnectionOptions {
  std::filesystem::path path;
  OpenMode mode = OpenMode::read;
  std::chrono::milliseconds busy_timeout{5000};
  int cache_kib = 8 * 1024;
  bool sync_every_commit = true;  ///< false: a commit outlives the process, not the machine
};

/// One connection to SQLite with the statements prepared on it so far. Not thread-safe: one thread at a time. Every
/// method throws Fault; the public functions of this folder turn that into a Result.
class Connection {
 public:
  explicit Connection(const ConnectionOptions& options);
  /// An empty database in memory.
  Connection();
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Binds `values` to ?1, ?2, ... of a statement. `sql` must be an embedded text: it is prepared once and found again
  /// by its address.
  template <typename... Values>
  Query query(std::string_view sql, const Values&... values) {
    Query query = prepared(sql);
    int index = 0;
    (query.bind(++index, values), ...);
    return query;
  }

  /// Runs a statement that answers no rows; returns the number of rows that it changed.
  template <typename... Values>
  std::int64_t run(std::string_view sql, const Values&... values) {
    return query(sql, values...).finish();
  }

  /// Runs several statements without values, e.g. a migration.
  void execute(const std::string& script);
  /// The first column of the first row of a statement that is not kept, e.g. a PRAGMA.
  std::int64_t integer(const std::string& sql);
  std::string text(const std::string& sql);

  std::int64_t last_insert_id() const;
  bool in_transaction() const;
  void roll_back() noexcept;
  /// Copies every page of this connection's database to the empty database `target`.
  void copy_to(Connection& target);

  const std::filesystem::path& path() const { return path_; }
  /// The last Fault since clear_fault(), also one that somebody caught.
  bool was_busy() const { return busy_; }
  const schema::Error* fault() const { return fault_ ? &*fault_ : nullptr; }
  void clear_fault();

 private:
  friend class Query;
  struct Prepared {
    std::unique_ptr<SQLite::Statement> statement;
    bool in_use = false;
  };

  void configure(const ConnectionOptions& options);
  Query prepared(std::string_view sql);
  /// Turns the SQLite exception being handled into a Fault, and remembers it.
  [[noreturn]] void rethrow();
  /// Runs `body`, translating SQLite's exceptions.
  template <typename Body>
  auto checked(Body&& body) -> decltype(body()) {
    try {
      return body();
    } catch (const Fault&) {
      throw;
    } catch (const std::exception&) {
      rethrow();
    }
  }

  std::filesystem::path path_;
  std::unique_ptr<SQLite::Database> database_;
  std::unordered_map<const char*, Prepared> prepared_;
  std::optional<schema::Error> fault_;
  bool busy_ = false;
};

}  // namespace moetune::db
