#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace moetune::db {
class Database;
}

namespace moetune::daemon {

/// Keeps a published folder up to date with the database, on a thread of its own: at the start, after every sweep that
/// ends, import and discard, and once more when it is stopped. It follows what is stored, so nobody has to tell it.
/// What stands in its way is logged (once, until an update finds it gone), told by status() and tried again; nothing
/// else waits for it. Thread-safe.
class FolderPublisher {
 public:
  struct Options {
    std::filesystem::path folder;
    std::chrono::milliseconds look_interval{500};  ///< a change counts when it is this old: an import comes in pieces
    std::chrono::milliseconds patience{10'000};    ///< but it waits no longer, whatever goes on to change
    std::chrono::milliseconds retry_interval{5'000};     ///< after a failure
    std::chrono::milliseconds refused_interval{30'000};  ///< while somebody else's file is in the way
  };
  struct Status {
    std::int64_t updates = 0;   ///< looks that brought the folder up to date
    std::int64_t failures = 0;  ///< looks that could not
    std::int64_t files = 0;     ///< that stand in the folder since the last update
    std::int64_t refused = 0;   ///< that somebody else's files keep out
    std::string trouble;        ///< why the folder is not as it should be; empty when it is
  };

  /// The database outlives it.
  FolderPublisher(Options options, const db::Database& database);
  ~FolderPublisher();
  FolderPublisher(const FolderPublisher&) = delete;
  FolderPublisher& operator=(const FolderPublisher&) = delete;

  const std::filesystem::path& folder() const;
  Status status() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moetune::daemon
