#pragma once

#include <nlohmann/json.hpp>

#include "daemon/file_plan.hpp"

namespace moetune::daemon {

/// From which rows a file was made, for a manifest: {"engine", "device", "kernel", "kernel_digest", "compiler", "l2",
/// "routing", "exceptions", "problems": [{the problem's fields, "origin"}], "keys": {"1": {"config", "default",
/// "reason", "regret", "rows": [{"sweep", "trial", "latency_us", "best_us", "default_trial", "default_us",
/// "default_source", "gpu_uuid", "driver", "tool_version", "measured_at"}]}}, "missing": [{"batch", "problems"}]}.
/// "rows" has one element a problem: the row of the configuration that the file has there (trial is null where that was
/// never measured) and that of the engine's default in the same sweep; sweep is its label. "exceptions" are the
/// conditions that the file does not meet and that were waived (schema/publish/scope). Errors: those of the database.
schema::Result<nlohmann::ordered_json> publication_source(db::Snapshot& snapshot, schema::EngineFormat format,
                                                          const FilePlan& plan,
                                                          const std::vector<std::string>& exceptions);

}  // namespace moetune::daemon
