#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <filesystem>

#include "daemon/sweep/blame.hpp"
#include "daemon/sweep/sweep_run.hpp"
#include "kernels/atomic_file.hpp"
#include "kernels/log_tail.hpp"

namespace moetune::daemon {
namespace {

using schema::TrialStatus;
using search::KernelIndex;
using search::Verdict;

constexpr int k_max_step_failures = 2;
constexpr double k_smoothing = 0.2;

}  // namespace

void SweepRun::submit(KernelIndex kernel, bool alone) {
  const std::int64_t job = next_job_id();
  begun_.emplace(job, kernel);
  db::NewAttempt attempt;
  attempt.kind = db::AttemptKind::compile;
  attempt.artifact_key = kernels::ArtifactKey::of(*spec_of(kernel).parts).hex();
  attempt.alone = alone;
  ledger_.begin(job, std::move(attempt));
}

void SweepRun::send(KernelIndex kernel, std::int64_t job) {
  if (context_.crew.submit(request_of(spec_of(kernel), job))) {
    compiling_.emplace(job, kernel);
  } else {
    ledger_.end(job, db::AttemptOutcome::interrupted, "no compile worker was free");
    board_.put_back(kernel);
  }
}

nlohmann::json SweepRun::request_of(const KernelSpec& kernel, std::int64_t job) const {
  nlohmann::json request = kernel.job;
  request["id"] = job;
  request["output"] = output_of(job);
  return request;
}

void SweepRun::submit_step() {
  if (!plan_.step || step_artifact_ || step_job_ || context_.step_crew.free_slots() == 0) return;
  if (!plan_.step->parts) {
    get_stuck(plan_.step->refused);
    return;
  }
  const auto key = kernels::ArtifactKey::of(*plan_.step->parts);
  if (const auto cached = context_.cache.lookup(key); cached && cached->info.status == TrialStatus::ok) {
    step_artifact_ = cached->path;
    return;
  }
  db::NewAttempt attempt;
  attempt.kind = db::AttemptKind::compile;
  attempt.artifact_key = key.hex();
  step_job_ = next_job_id();
  begun_.emplace(*step_job_, StepKernels{});
  ledger_.begin(*step_job_, std::move(attempt));
}

void SweepRun::send(StepKernels, std::int64_t job) {
  if (context_.step_crew.submit(request_of(*plan_.step, job))) return;
  ledger_.end(job, db::AttemptOutcome::interrupted, "no compile worker was free");
  step_job_.reset();
}

void SweepRun::take_step_outcome(CompileOutcome& outcome) {
  step_job_.reset();
  std::string reason;
  if (const auto* reply = std::get_if<kernels::CompileReply>(&outcome.result)) {
    ledger_.end(outcome.job, db::AttemptOutcome::answered);
    if (reply->not_written) {
      get_stuck(*reply->not_written);
      return;
    }
    if (reply->status == TrialStatus::ok) {
      auto published = context_.cache.publish(*plan_.step->parts, info_of(*reply), output_of(outcome.job));
      if (!published) {
        get_stuck(published.error().message);
      } else {
        step_artifact_ = published->path;
      }
      return;
    }
    reason = reply->log_tail;
  } else {
    const auto& ended = std::get<WorkerEnded>(outcome.result);
    ledger_.end(outcome.job, outcome_of(ended), ended.explanation);
    if (is_interruption(ended)) {
      if (++step_interruptions_ >= search::WorkBoard::k_max_interruptions) {
        get_stuck("something kills the compile worker of the step's kernels again and again (out of memory?)");
      }
      return;
    }
    reason = fmt::format("compiler {}: {}", ended.explanation, ended.log_tail);
  }
  if (++step_failures_ >= k_max_step_failures) {
    failure_ =
        schema::Error{schema::ErrorCode::unavailable, fmt::format("the step's kernels do not compile: {}", reason)};
  }
}

void SweepRun::take_compile_outcomes(CompileCrew& crew) {
  for (CompileOutcome& outcome : crew.take_outcomes()) {
    if (outcome.job == step_job_) {
      take_step_outcome(outcome);
      remove_output(outcome.job);
      continue;
    }
    const auto found = compiling_.find(outcome.job);
    if (found == compiling_.end()) continue;
    const KernelIndex kernel = found->second;
    compiling_.erase(found);
    if (const auto* reply = std::get_if<kernels::CompileReply>(&outcome.result)) {
      ledger_.end(outcome.job, db::AttemptOutcome::answered);
      accept_compiled(kernel, *reply, outcome.job);
    } else {
      const auto& ended = std::get<WorkerEnded>(outcome.result);
      ledger_.end(outcome.job, outcome_of(ended), ended.explanation);
      judge_compile_death(kernel, ended, compiler_log_of(outcome.job, ended));
    }
    remove_output(outcome.job);
  }
  if (crew.broken()) get_stuck(crew.broken()->message);
}

void SweepRun::accept_compiled(KernelIndex kernel, const kernels::CompileReply& reply, std::int64_t job) {
  if (reply.not_written) {
    board_.put_back(kernel);
    get_stuck(*reply.not_written);
    return;
  }
  if (reply.status == TrialStatus::out_of_resources && reply.seconds == 0) {
    fail_kernel(kernel, reply.status, reply.log_tail);
    return;
  }
  ledger_.add_counts({.done = 1});
  seconds_per_compile_ = seconds_per_compile_.value_or(reply.seconds) * (1 - k_smoothing) + reply.seconds * k_smoothing;
  const auto& parts = *spec_of(kernel).parts;
  if (reply.status != TrialStatus::ok) {
    context_.cache.publish_failure(parts, info_of(reply));
    ledger_.add_counts({.failed = 1});
    fail_kernel(kernel, reply.status, reply.log_tail);
    return;
  }
  const auto published = context_.cache.publish(parts, info_of(reply), output_of(job));
  if (!published) {
    board_.put_back(kernel);
    get_stuck(published.error().message);
    return;
  }
  kernels_[kernel] = published->path;
  board_.ready(kernel);
}

/// What the compiler of a worker that died has printed: Triton's goes to a file beside the output, NVRTC's to the
/// worker's own log.
std::string SweepRun::compiler_log_of(std::int64_t job, const WorkerEnded& ended) const {
  constexpr std::size_t k_max_log = 64 << 20;
  const std::filesystem::path file = output_of(job) + ".log";
  const auto printed = kernels::read_file(file, k_max_log);
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  if (!printed || printed->empty()) return ended.log_tail;
  return fmt::format("{}\n{}", kernels::log_tail(*printed, kernels::k_log_tail_bytes / 2),
                     kernels::log_tail(ended.log_tail, kernels::k_log_tail_bytes / 2));
}

void SweepRun::judge_compile_death(KernelIndex kernel, const WorkerEnded& ended, const std::string& log) {
  const auto name = spec_of(kernel).name;
  if (is_interruption(ended)) {
    if (board_.interrupted(kernel) == Verdict::stuck) {
      get_stuck(fmt::format("something kills the compile worker of {} again and again (out of memory?)", name));
    }
    return;
  }
  ledger_.add_counts({.done = 1});
  spdlog::warn("compiler of {} {}", name, ended.explanation);
  if (board_.died(kernel) != Verdict::failed) return;
  const bool timeout = ended.killed == KillReason::timeout;
  kernels::ArtifactInfo info;
  info.status = timeout ? TrialStatus::compile_timeout : TrialStatus::compiler_crash;
  info.log_tail = fmt::format("compiler {}\n{}", ended.explanation, log);
  info.compiled_at = schema::now();
  context_.cache.publish_failure(*spec_of(kernel).parts, info);
  ledger_.add_counts({.failed = 1});
  fail_kernel(kernel, info.status, info.log_tail);
}

void SweepRun::fail_kernel(KernelIndex kernel, TrialStatus status, const std::string& log_tail) {
  failed_kernels_[kernel] = {status, log_tail};
  for (const auto trial : board_.fail(kernel)) finish_without_kernel(trial, failed_kernels_[kernel]);
}

void SweepRun::finish_without_kernel(search::TrialIndex trial, const KernelFailure& failure) {
  schema::Trial row = row_for(trial, failure.status);
  if (!failure.log_tail.empty()) row.log_tail = failure.log_tail;
  finish_trial(trial, std::move(row));
}

void SweepRun::remove_output(std::int64_t job) const {
  std::error_code ignored;
  std::filesystem::remove(output_of(job), ignored);
}

std::string SweepRun::output_of(std::int64_t job) const {
  return context_.scratch / fmt::format("{}.cubin", job);
}

}  // namespace moetune::daemon
