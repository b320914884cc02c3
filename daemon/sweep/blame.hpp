#pragma once

#include "daemon/supervisor/worker_process.hpp"
#include "db/attempt_store.hpp"
#include "kernels/artifact_file.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::daemon {

/// True when somebody else ended the worker, or the daemon itself for its own reasons: nobody's job is to blame.
bool is_interruption(const WorkerEnded& ended);

/// How the attempt at the worker's job is to be filed.
db::AttemptOutcome outcome_of(const WorkerEnded& ended);

/// What the cache keeps of a reply.
kernels::ArtifactInfo info_of(const kernels::CompileReply& reply);

}  // namespace moetune::daemon
