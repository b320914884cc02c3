#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "db/database.hpp"
#include "schema/engine_file.hpp"
#include "schema/tile_config.hpp"

namespace moetune::db {

/// What the file of a group was when a sweep of it was done.
struct KeptFile {
  std::int64_t sweep = 0;
  std::optional<std::int64_t> traffic;  ///< the import that weighed its batches; nothing where there was none
  std::map<std::int64_t, schema::TileConfig> keys;
  bool operator==(const KeptFile&) const = default;
};

/// Keeps a file of a group in an engine's format. Once for each sweep, with its end. Precondition: it has keys.
Result<void> keep_file(Transaction& transaction, std::int64_t group, schema::EngineFormat format, const KeptFile& file);
/// The one that was kept last, of the sweeps that are not discarded; nothing where there is none.
Result<std::optional<KeptFile>> newest_kept_file(Snapshot& snapshot, std::int64_t group, schema::EngineFormat format);

}  // namespace moetune::db
