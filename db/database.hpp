#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "schema/error.hpp"

namespace moetune::db {

using schema::Error;
using schema::ErrorCode;
using schema::Result;

enum class Access { read_write, read_only };
enum class Overwrite { no, yes };

class Connection;

/// A consistent view of the database, valid during the closure that received it. The functions of the stores take it;
/// it must not leave the thread or the closure.
class Snapshot {
 public:
  explicit Snapshot(Connection& connection) : connection_(connection) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  Connection& connection() const { return connection_; }

 private:
  Connection& connection_;
};

/// A view that may also be changed. Everything that a closure writes is committed together, or not at all.
class Transaction : public Snapshot {
 public:
  using Snapshot::Snapshot;
};

/// The database results.db of a data folder. Owns one writer connection, whose use is serialised, and a small pool of
/// readers; every method is thread-safe. With read_write it holds the folder's lock until it is destroyed.
class Database {
 public:
  static constexpr std::chrono::milliseconds k_patience{10'000};

  /// read_write creates what is missing, takes DIR/daemon.lock and migrates an older database. read_only needs an
  /// existing database of this version and works beside a daemon.
  /// Errors: not_found (read_only, no database); conflict (held by another daemon, older version with read_only, newer
  /// version); data_damaged (foreign or damaged file); io. The message names the path and the reason.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& data_dir, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs `change(Transaction&)`, which returns a Result<T>, in BEGIN IMMEDIATE ... COMMIT. What it returns is passed
  /// on; an error undoes everything. The closure is run again from its start when the database is busy, until
  /// `patience` is over: it must be repeatable. Once write() has returned a value the change survives a power loss.
  /// Errors: those of the closure; unavailable (busy); io (disk full, read-only, ...); data_damaged.
  template <typename Change>
  auto write(Change&& change, std::chrono::milliseconds patience = k_patience)
      -> std::invoke_result_t<Change&, Transaction&> {
    std::invoke_result_t<Change&, Transaction&> answer = std::unexpected(Error{});
    auto done = run_write(
        [&](Transaction& transaction) -> Result<void> {
          answer = change(transaction);
          return answer ? Result<void>() : std::unexpected(answer.error());
        },
        patience);
    if (!done) return std::unexpected(std::move(done.error()));
    return answer;
  }

  /// Runs `query(Snapshot&)`, which returns a Result<T>, on a reader connection. Keep it short: an open snapshot keeps
  /// the write-ahead log from being folded in, and a read inside a read may wait for ever. Errors: those of the
  /// closure; unavailable, io, data_damaged.
  template <typename Query>
  auto read(Query&& query) const -> std::invoke_result_t<Query&, Snapshot&> {
    std::invoke_result_t<Query&, Snapshot&> answer = std::unexpected(Error{});
    auto done = run_read([&](Snapshot& snapshot) -> Result<void> {
      answer = query(snapshot);
      return answer ? Result<void>() : std::unexpected(answer.error());
    });
    if (!done) return std::unexpected(std::move(done.error()));
    return answer;
  }

  const std::filesystem::path& path() const;
  /// Random, made with the database: 32 hex digits.
  const std::string& uuid() const;
  /// Counts the commits of this object: equal values mean that nothing was written in between.
  std::uint64_t generation() const;

  /// Copies the database as it is now, also while others write, to `file`, which appears whole or not at all.
  /// Errors: conflict (the file exists and overwrite is no); io; data_damaged.
  Result<void> backup(const std::filesystem::path& file, Overwrite overwrite) const;

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  Result<void> run_write(const std::function<Result<void>(Transaction&)>& change, std::chrono::milliseconds patience);
  Result<void> run_read(const std::function<Result<void>(Snapshot&)>& query) const;

  std::unique_ptr<State> state_;
};

/// The database file of a data folder.
std::filesystem::path database_path(const std::filesystem::path& data_dir);

}  // namespace moetune::db
