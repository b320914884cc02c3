#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "db/connection.hpp"

namespace moetune::db {

/// What a database of one kind consists of: migration i, counted from 0, leads from version i to i + 1.
struct SchemaDefinition {
  std::string_view what;        ///< for messages
  std::int64_t application_id;  ///< marks the file as ours
  std::span<const std::string_view> migrations;

  std::int64_t version() const { return static_cast<std::int64_t>(migrations.size()); }
};

const SchemaDefinition& results_schema();
const SchemaDefinition& artifact_index_schema();

/// Brings an empty or older database to this version in one transaction. Errors: as check_version, less the older one.
schema::Result<void> migrate(Connection& connection, const SchemaDefinition& definition);

/// Checks that the database is of this kind and version and that its tables, indexes and triggers are those of the
/// migrations. Errors: data_damaged (of another kind, altered, not readable); conflict (newer, older); io.
schema::Result<void> check_version(Connection& connection, const SchemaDefinition& definition);

}  // namespace moetune::db
