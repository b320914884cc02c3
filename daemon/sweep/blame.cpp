#include "daemon/sweep/blame.hpp"

#include <csignal>

namespace moetune::daemon {

bool is_interruption(const WorkerEnded& ended) {
  if (ended.during_job && !ended.delivered) return true;
  if (ended.killed) return *ended.killed == KillReason::stop;
  if (!ended.status.signal) return false;
  const int signal = *ended.status.signal;
  return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
}

db::AttemptOutcome outcome_of(const WorkerEnded& ended) {
  if (is_interruption(ended)) return db::AttemptOutcome::interrupted;
  const bool over_limit = ended.killed == KillReason::timeout || ended.killed == KillReason::memory;
  return over_limit ? db::AttemptOutcome::timed_out : db::AttemptOutcome::worker_failed;
}

kernels::ArtifactInfo info_of(const kernels::CompileReply& reply) {
  return {.status = reply.status,
          .shared_bytes = reply.shared_bytes,
          .registers = reply.registers,
          .spill_bytes = reply.spill_bytes,
          .seconds = reply.seconds,
          .log_tail = reply.log_tail,
          .launch = reply.launch,
          .compiled_at = schema::now()};
}

}  // namespace moetune::daemon
