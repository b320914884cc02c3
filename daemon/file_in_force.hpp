#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "daemon/key_plan.hpp"
#include "db/best_query.hpp"
#include "db/database.hpp"
#include "schema/engine_file.hpp"

namespace moetune::daemon {

/// The file that the database keeps of a group in an engine's format: that of the newest sweep that was done and is not
/// discarded. Without keys where there is none, and where traffic was imported since: other weights make another file.
schema::Result<FileInForce> file_in_force(db::Snapshot& snapshot, schema::EngineFormat format, std::int64_t group);

/// The files of a group by its finished sweeps alone, as they are at this moment.
using FilesInForce = std::map<schema::EngineFormat, FileInForce>;
/// Without a format of which there can be no file.
schema::Result<FilesInForce> files_in_force(db::Snapshot& snapshot, const schema::Group& group);

/// What the file of a group runs at each of these batches by its finished sweeps, pairs of tiles too; empty where there
/// is no file. A group without a kernel_digest is taken for the version that was measured last.
schema::Result<std::map<std::int64_t, schema::TileConfig>> in_force_at(db::Snapshot& snapshot,
                                                                       const schema::Group& group,
                                                                       std::span<const std::int64_t> batches);

/// Keeps what the files of a group have become with a sweep that is done now, where `before` is what they were.
schema::Result<void> keep_files(db::Transaction& transaction, const schema::Group& group, std::int64_t sweep,
                                const FilesInForce& before);

}  // namespace moetune::daemon
