#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "db/connection.hpp"
#include "schema/tile_config.hpp"
#include "schema/trial.hpp"

namespace moetune::db {

/// What became of a row: there is one now that says so; there was; there was one without the rounds, and it has them
/// now.
enum class Stored { inserted, known, completed };

/// Stores imported trials and remembers the ids of what rows share, so that most rows cost one insertion. Belongs to
/// one thread at a time; forget() must be called when a transaction that used it was undone. Throws Fault.
class ImportedRows {
 public:
  /// Stores a row with the engine's default for its batch, unless a row is there that says the same. The row's origin
  /// is final.
  Stored store(Connection& connection, const schema::Trial& trial,
               const std::optional<schema::TileConfig>& default_config, const std::string& default_source);
  void forget();

 private:
  using EnvironmentKey = std::tuple<std::string, std::string, std::optional<std::string>, std::optional<std::string>,
                                    std::optional<std::string>>;

  std::int64_t group_id(Connection& connection, const schema::Group& group);
  std::int64_t config_id(Connection& connection, const schema::TileConfig& config);
  std::int64_t environment_id(Connection& connection, const schema::Trial& trial);
  std::int64_t run_id(Connection& connection, std::int64_t group, const std::string& label);
  /// Whether a sweep of this very database has the row, from which it went out as measured.
  bool is_own(Connection& connection, const std::string& label, std::int64_t environment, std::int64_t config,
              const schema::Trial& trial);
  /// The runs of the sweep of this very database with that label: its own export is coming back.
  const std::vector<std::int64_t>& own_runs(Connection& connection, const std::string& label);

  std::map<schema::Group, std::int64_t> groups_;
  std::map<schema::TileConfig, std::int64_t> configs_;
  std::map<EnvironmentKey, std::int64_t> environments_;
  std::map<std::pair<std::int64_t, std::string>, std::int64_t> runs_;
  std::map<std::string, std::vector<std::int64_t>> own_runs_;
  std::set<std::pair<std::int64_t, std::int64_t>> defaults_;  ///< (run, batch) whose default is stored
};

}  // namespace moetune::db
