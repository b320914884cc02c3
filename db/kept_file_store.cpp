#include "db/kept_file_store.hpp"

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "queries.hpp"

namespace moetune::db {

Result<void> keep_file(Transaction& transaction, std::int64_t group, schema::EngineFormat format,
                       const KeptFile& file) {
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    connection.run(sql::add_kept_file_sql, file.sweep, group, name_of(format), file.traffic);
    const std::int64_t id = connection.last_insert_id();
    for (const auto& [batch, config] : file.keys) {
      connection.run(sql::add_kept_key_sql, id, batch, intern_config(connection, config));
    }
    return {};
  });
}

Result<std::optional<KeptFile>> newest_kept_file(Snapshot& snapshot, std::int64_t group, schema::EngineFormat format) {
  return guarded([&]() -> Result<std::optional<KeptFile>> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::find_kept_file_sql, group, name_of(format));
    if (!row.step()) return std::nullopt;
    KeptFile file{row.integer(1), row.optional_integer(2), {}};
    auto key = connection.query(sql::list_kept_keys_sql, row.integer(0));
    while (key.step()) file.keys.emplace(key.integer(0), read_config(connection, key, 1));
    return file;
  });
}

}  // namespace moetune::db
