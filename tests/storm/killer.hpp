#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "tests/e2e/running_daemon.hpp"

namespace moetune::storm {

enum class Victim { daemon, compile_worker, measure_worker };
std::string_view name_of(Victim victim);

/// Kills processes of a daemon in the middle of a job, and knows that it was in the middle: the victim is stopped, its
/// jobs are read from the database, and only one that has some is killed; the others go on.
class Killer {
 public:
  Killer(std::filesystem::path data_dir, unsigned seed);

  /// Looks for a victim of a random kind with a job in flight and sends it SIGKILL. Returns its kind; none when no
  /// process had a job. A killed daemon's object still has to be destroyed.
  std::optional<Victim> strike(const e2e::RunningDaemon& daemon);

  std::size_t kills() const;
  /// "12 daemon, 20 compile_worker, ..."
  std::string summary() const;

 private:
  bool has_job(Victim victim) const;

  std::filesystem::path data_dir_;
  std::mt19937 random_;
  std::map<Victim, std::size_t> kills_;
};

}  // namespace moetune::storm
