#pragma once

#include <optional>
#include <string>

#include "schema/engine_file.hpp"
#include "schema/error.hpp"
#include "schema/publish/publication.hpp"

namespace moetune::db {
class Database;
}

namespace moetune::daemon {

/// Which files may be published.
struct PublicationQuery {
  /// Rows of this kernel instead of each engine's own.
  std::optional<std::string> kernel = std::nullopt;
  /// Files of this engine; nothing: of both, or of the one that `kernel` steers (vLLM for a kernel that is no
  /// engine's).
  std::optional<schema::EngineFormat> format = std::nullopt;
  bool allow_recorded = false;  ///< rows that come from a recording
  bool allow_gaps = false;      ///< files whose keys are too far apart to know what happens between them
};

/// Every file that can be trusted: made from rows of the engine's own kernel (cold L2, uniform routing) that were
/// measured or imported, without those of sweeps that are not done, so that no batch is slower than with the engine's
/// default, with keys near enough to each other. Problems that share a file are merged (daemon/file_plan); of several
/// versions of kernel and compiler the newest counts that all of them were measured with and that makes such a file.
/// SGLang's files come in pairs and for each version of Triton. What falls short is left out by name. Errors:
/// invalid_argument for a scan's kernel; those of the database.
schema::Result<schema::publish::Publication> publication_of(const db::Database& database,
                                                            const PublicationQuery& query);

}  // namespace moetune::daemon
