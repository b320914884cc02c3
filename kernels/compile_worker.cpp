#include "kernels/compile_worker.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>

#include "kernels/compile_plan.hpp"
#include "kernels/cuda_kernel.hpp"
#include "kernels/log_tail.hpp"
#include "kernels/ptxas_log.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::TrialStatus;

CompileReply refused(const CompileJob& job, TrialStatus status, std::string reason) {
  return {.id = job.id, .status = status, .log_tail = std::move(reason)};
}

Result<void> write_cubin(const std::string& path, const std::vector<std::byte>& cubin) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(cubin.data()), static_cast<std::streamsize>(cubin.size()));
  file.close();
  if (!file) return fail(ErrorCode::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return {};
}

}  // namespace

CompileWorker::CompileWorker(Nvrtc compiler) : compiler_(std::move(compiler)) {}

Result<CompileWorker> CompileWorker::create() {
  auto compiler = Nvrtc::open();
  if (!compiler) return std::unexpected(compiler.error());
  return CompileWorker(std::move(*compiler));
}

Hello CompileWorker::hello() const {
  return {.worker = "compile",
          .version = MOETUNE_VERSION,
          .compiler = compiler_.compiler_text(),
          .kernel_digest = kernel_digest()};
}

Result<CompileReply> CompileWorker::run(const CompileJob& job) const {
  auto plan = plan_compile(job);
  if (!plan) return refused(job, TrialStatus::compile_error, plan.error().message);
  if (plan->shared_limit && plan->shared_bytes > *plan->shared_limit) {
    auto reply = refused(job, TrialStatus::out_of_resources,
                         fmt::format("needs {} bytes of shared memory, a block of {} has {}; not compiled",
                                     plan->shared_bytes, job.arch, *plan->shared_limit));
    reply.shared_bytes = plan->shared_bytes;
    return reply;
  }
  // Has no influence on the machine code, so it is not part of the artifact's key.
  plan->request.options.emplace_back("--ptxas-options=-v");

  const auto begin = std::chrono::steady_clock::now();
  const auto outcome = compiler_.compile(plan->request);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  if (!outcome) return std::unexpected(outcome.error());
  if (outcome->status == CompileStatus::compiler_internal) {
    return fail(ErrorCode::internal, fmt::format("{} failed: {}", compiler_.compiler_text(), log_tail(outcome->log)));
  }

  const auto use = read_ptxas_log(outcome->log);
  CompileReply reply{.id = job.id,
                     .status = TrialStatus::ok,
                     .cubin_bytes = static_cast<std::int64_t>(outcome->cubin.size()),
                     .shared_bytes = plan->shared_bytes,
                     .registers = use.registers,
                     .spill_bytes = use.spill_bytes,
                     .seconds = elapsed.count(),
                     .log_tail = {}};
  if (outcome->status == CompileStatus::ok) {
    if (auto written = write_cubin(job.output, outcome->cubin); !written) reply.not_written = written.error().message;
  } else {
    reply.status =
        outcome->status == CompileStatus::out_of_resources ? TrialStatus::out_of_resources : TrialStatus::compile_error;
    reply.log_tail = log_tail(outcome->log);
  }
  return reply;
}

}  // namespace moetune::kernels
