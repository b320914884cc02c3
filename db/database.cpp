#include "db/database.hpp"

#include <atomic>
#include <optional>

#include "db/backup.hpp"
#include "db/connection.hpp"
#include "db/database_file.hpp"
#include "db/folder_lock.hpp"
#include "db/reader_pool.hpp"
#include "db/synchronized.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

constexpr std::string_view k_begin_write = "BEGIN IMMEDIATE";
constexpr std::string_view k_begin_read = "BEGIN";
constexpr std::string_view k_commit = "COMMIT";

/// Ends an open transaction on every way out of a scope that does not commit.
class RollBack {
 public:
  explicit RollBack(Connection& connection) : connection_(connection) {}
  RollBack(const RollBack&) = delete;
  RollBack& operator=(const RollBack&) = delete;
  ~RollBack() { connection_.roll_back(); }

 private:
  Connection& connection_;
};

Result<void> write_once(Connection& connection, const std::function<Result<void>(Transaction&)>& change) {
  return guarded([&]() -> Result<void> {
    const RollBack undo(connection);
    connection.run(k_begin_write);
    Transaction transaction(connection);
    if (auto done = change(transaction); !done) return done;
    // SQLite may have undone everything on its own (disk full): a closure that went on regardless has no transaction.
    if (connection.fault() != nullptr) return std::unexpected(*connection.fault());
    connection.run(k_commit);
    return {};
  });
}

std::filesystem::path lock_path(const std::filesystem::path& data_dir) {
  return data_dir / "daemon.lock";
}

std::string read_uuid(Connection& connection) {
  auto row = connection.query(sql::find_uuid_sql);
  if (!row.step()) throw Fault({ErrorCode::data_damaged, connection.path().string() + " is damaged: it has no uuid"});
  return row.text(0);
}

}  // namespace

struct Database::State {
  State(std::filesystem::path database, OpenMode read_mode) : path(std::move(database)), readers(path, read_mode) {}

  const std::filesystem::path path;
  std::string uuid;
  std::optional<FolderLock> lock;
  Synchronized<std::unique_ptr<Connection>> writer;  ///< empty when read-only
  std::atomic<std::uint64_t> generation = 0;
  ReaderPool readers;  ///< last: the writer, closed after them, folds the log in
};

std::filesystem::path database_path(const std::filesystem::path& data_dir) {
  return data_dir / "results.db";
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& data_dir, Access access) {
  const std::filesystem::path file = database_path(data_dir);
  const auto finish = [](std::unique_ptr<State> state) {
    return guarded([&]() -> Result<std::unique_ptr<Database>> {
      state->uuid = read_uuid(*state->readers.lease());
      return std::unique_ptr<Database>(new Database(std::move(state)));
    });
  };
  if (access == Access::read_only) {
    auto mode = examine_for_reading(file, lock_path(data_dir), results_schema());
    if (!mode) return std::unexpected(mode.error());
    return finish(std::make_unique<State>(file, *mode));
  }
  if (auto made = make_folder(data_dir); !made) return std::unexpected(made.error());
  auto lock = FolderLock::acquire(lock_path(data_dir));
  if (!lock) return std::unexpected(lock.error());
  // Short: run_write tries again itself until its own deadline.
  constexpr std::chrono::milliseconds k_busy{200};
  auto writer = open_writer({.path = file, .mode = OpenMode::write, .busy_timeout = k_busy, .cache_kib = 32 * 1024},
                            results_schema(), Writers::one);
  if (!writer) return std::unexpected(writer.error());
  auto state = std::make_unique<State>(file, OpenMode::read);
  state->lock = std::move(*lock);
  *state->writer.lock() = std::move(*writer);
  return finish(std::move(state));
}

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}
Database::~Database() = default;

const std::filesystem::path& Database::path() const {
  return state_->path;
}
const std::string& Database::uuid() const {
  return state_->uuid;
}
std::uint64_t Database::generation() const {
  return state_->generation.load(std::memory_order_acquire);
}

Result<void> Database::run_write(const std::function<Result<void>(Transaction&)>& change,
                                 std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto writer = state_->writer.lock();
  if (!*writer) return schema::fail(ErrorCode::forbidden, state_->path.string() + " was opened for reading only");
  Connection& connection = **writer;
  for (;;) {
    connection.clear_fault();
    auto done = write_once(connection, change);
    if (done) state_->generation.fetch_add(1, std::memory_order_release);
    if (done || !connection.was_busy() || std::chrono::steady_clock::now() >= deadline) return done;
  }
}

Result<void> Database::run_read(const std::function<Result<void>(Snapshot&)>& query) const {
  return guarded([&]() -> Result<void> {
    const auto lease = state_->readers.lease();
    const RollBack end(*lease);
    (*lease).run(k_begin_read);
    Snapshot snapshot(*lease);
    return query(snapshot);
  });
}

Result<void> Database::backup(const std::filesystem::path& file, Overwrite overwrite) const {
  return read([&](Snapshot& snapshot) -> Result<void> {
    read_uuid(snapshot.connection());  // the first read is what fixes the moment that the snapshot shows
    return copy_database(snapshot.connection(), file, overwrite);
  });
}

}  // namespace moetune::db
