#include "db/migration.hpp"

#include <fmt/format.h>

#include <array>
#include <string>

#include "artifact_migrations.hpp"
#include "migrations.hpp"

namespace moetune::db {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct Stamp {
  std::int64_t application_id = 0;
  std::int64_t version = 0;
  std::int64_t objects = 0;
};

Stamp read_stamp(Connection& connection) {
  return {connection.integer("PRAGMA application_id"), connection.integer("PRAGMA user_version"),
          connection.integer("SELECT count(*) FROM sqlite_schema")};
}

Result<void> check_stamp(const Connection& connection, const SchemaDefinition& definition, const Stamp& stamp) {
  const std::string file = connection.path().string();
  if (stamp.application_id != definition.application_id || stamp.version < 1) {
    return fail(ErrorCode::data_damaged, fmt::format("{} is not {}: its application id is {} and its version {}", file,
                                                     definition.what, stamp.application_id, stamp.version));
  }
  if (stamp.version > definition.version()) {
    return fail(ErrorCode::conflict,
                fmt::format("{} has version {} and was written by a newer moetune; this one knows version {}", file,
                            stamp.version, definition.version()));
  }
  return {};
}

/// Everything that the schema consists of, as one text. SQLite's own statistics tables are left out.
std::string fingerprint(Connection& connection) {
  return connection.text(
      "SELECT group_concat(item, char(10)) FROM (SELECT type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, "
      "'') "
      "AS item FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name)");
}

/// While it lives, references to rows that are not there are not refused. Not for use inside a transaction.
class ForeignKeysOff {
 public:
  explicit ForeignKeysOff(Connection& connection) : connection_(connection) {
    connection_.execute("PRAGMA foreign_keys = OFF");
  }
  ~ForeignKeysOff() {
    // In a transaction that failed this does nothing; such a connection is given up.
    static_cast<void>(guarded([&]() -> Result<void> {
      connection_.execute("PRAGMA foreign_keys = ON");
      return {};
    }));
  }
  ForeignKeysOff(const ForeignKeysOff&) = delete;
  ForeignKeysOff& operator=(const ForeignKeysOff&) = delete;

 private:
  Connection& connection_;
};

/// Throws when a migration has left a reference to a row that is not there.
void check_references(Connection& connection) {
  if (connection.integer("SELECT count(*) FROM pragma_foreign_key_check") == 0) return;
  throw Fault({ErrorCode::data_damaged,
               fmt::format("{} is damaged: rows refer to others that are not there", connection.path().string())});
}

void apply(Connection& connection, const SchemaDefinition& definition, std::int64_t from) {
  for (const std::string_view migration : definition.migrations.subspan(static_cast<std::size_t>(from))) {
    connection.execute(std::string(migration));
  }
  connection.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", definition.application_id,
                                 definition.version()));
}

}  // namespace

const SchemaDefinition& results_schema() {
  static const std::array migrations{sql::_0001_initial_sql,
                                     sql::_0002_twins_and_ties_sql,
                                     sql::_0003_router_weight_sql,
                                     sql::_0004_pairs_and_scans_sql,
                                     sql::_0005_candidate_sets_sql,
                                     sql::_0006_candidate_contents_sql,
                                     sql::_0007_discarded_candidates_sql,
                                     sql::_0008_traffic_sql,
                                     sql::_0009_expert_counts_sql,
                                     sql::_0010_sibling_seeds_sql,
                                     sql::_0011_neighbour_seeds_sql,
                                     sql::_0012_batch_owners_sql,
                                     sql::_0013_anchors_sql,
                                     sql::_0014_kept_files_sql,
                                     sql::_0015_gpu_of_samples_sql,
                                     sql::_0016_rounds_elsewhere_sql,
                                     sql::_0017_facts_of_rounds_sql,
                                     sql::_0018_rounds_that_come_later_sql};
  static const SchemaDefinition definition{"a results database of moetune", 0x6D74756E, migrations};
  return definition;
}

const SchemaDefinition& artifact_index_schema() {
  static const std::array migrations{artifact_sql::_0001_artifacts_sql};
  static const SchemaDefinition definition{"a kernel cache index of moetune", 0x6D746978, migrations};
  return definition;
}

Result<void> migrate(Connection& connection, const SchemaDefinition& definition) {
  return guarded([&]() -> Result<void> {
    // A table that others refer to can be made anew only while nobody enforces it; inside a transaction the switch is
    // ignored.
    const ForeignKeysOff off(connection);
    connection.execute("BEGIN IMMEDIATE");
    const Stamp stamp = read_stamp(connection);
    const bool is_new = stamp.application_id == 0 && stamp.version == 0 && stamp.objects == 0;
    if (!is_new) {
      if (auto fits = check_stamp(connection, definition, stamp); !fits) return fits;
    }
    if (stamp.version < definition.version()) {
      apply(connection, definition, stamp.version);
      if (!is_new) check_references(connection);
    }
    connection.execute("COMMIT");
    return {};
  });
}

Result<void> check_version(Connection& connection, const SchemaDefinition& definition) {
  return guarded([&]() -> Result<void> {
    const Stamp stamp = read_stamp(connection);
    if (auto fits = check_stamp(connection, definition, stamp); !fits) return fits;
    const std::string file = connection.path().string();
    if (stamp.version < definition.version()) {
      return fail(ErrorCode::conflict, fmt::format("{} has version {}; start moetuned once to bring it to version {}",
                                                   file, stamp.version, definition.version()));
    }
    Connection reference;
    apply(reference, definition, 0);
    if (fingerprint(connection) == fingerprint(reference)) return {};
    return fail(ErrorCode::data_damaged,
                fmt::format("{} is damaged: its tables are not those of version {}", file, stamp.version));
  });
}

}  // namespace moetune::db
