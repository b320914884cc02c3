#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "tests/e2e/running_daemon.hpp"

namespace moetune::storm {

inline constexpr std::size_t k_compile_jobs = 2;
inline constexpr std::size_t k_jobs_ahead = 8;  ///< measure jobs in flight at most

/// How hard it blows. A person may set MOETUNE_STORM_KILLS and MOETUNE_STORM_SEED.
struct Weather {
  Weather();
  std::size_t kills = 12;
  unsigned seed = 0;
};

/// Work for that many kills, whose compilation takes longer than they do; bf16, because it compiles fastest.
e2e::ProblemInSpace storm_problem(std::size_t kills);

/// A daemon in a folder of its own that can be started again after its death.
class Site {
 public:
  Site();
  std::filesystem::path data_dir() const { return folder_.path() / "data"; }
  e2e::RunningDaemon& daemon() { return *daemon_; }
  /// Forgets a daemon that is dead and starts the next.
  void restart();
  /// The exported file of storm_problem().
  std::string exported();

 private:
  e2e::TempFolder folder_;
  std::unique_ptr<e2e::RunningDaemon> daemon_;
};

/// Attempts that the database of a site holds, by kind, open ones included.
struct AttemptCounts {
  std::size_t compiles = 0;
  std::size_t measurements = 0;
  std::size_t open_compiles = 0;
  std::size_t open_measurements = 0;
};
AttemptCounts count_attempts(const std::filesystem::path& data_dir);

}  // namespace moetune::storm
