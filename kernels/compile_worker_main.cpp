#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kernels/compile_worker.hpp"
#include "kernels/fault_injection.hpp"
#include "kernels/worker_channel.hpp"
#include "schema/group.hpp"

namespace {

using namespace moetune;
using kernels::WorkerChannel;
using schema::Result;

constexpr int k_exit_usage = 2;
constexpr int k_exit_no_compiler = 4;
constexpr int k_exit_failed = 70;

int complain(const schema::Error& error, int status) {
  fmt::print(stderr, "moetune-compile-worker: {}\n", error.message);
  return status;
}

/// --memory-limit-mib N is all there is.
Result<std::int64_t> read_arguments(int argc, char** argv) {
  if (argc == 1) return 0;
  if (argc != 3 || std::string_view(argv[1]) != "--memory-limit-mib") {
    return schema::fail(schema::ErrorCode::invalid_argument,
                        "usage: moetune-compile-worker [--memory-limit-mib N]; moetuned starts it");
  }
  return schema::integer_from_text("--memory-limit-mib", argv[2], 1, 1 << 30);
}

std::map<std::string, std::string> facts_of(const kernels::CompileJob& job) {
  std::map<std::string, std::string> facts{{"unit", std::string(name_of(job.unit))}, {"arch", job.arch}};
  const auto config = schema::to_json(job.config);
  for (const auto& [name, value] : config.items()) facts[name] = value.dump();
  return facts;
}

Result<void> serve(WorkerChannel& channel, const kernels::CompileWorker& worker,
                   const std::vector<kernels::Fault>& faults) {
  for (;;) {
    const auto request = channel.receive();
    if (!request) return std::unexpected(request.error());
    if (!*request) return {};
    const auto job = kernels::compile_job_from_json(**request);
    if (!job) return std::unexpected(job.error());
    if (kernels::inject(faults, facts_of(*job), channel)) continue;
    const auto reply = worker.run(*job);
    if (!reply) return std::unexpected(reply.error());
    if (auto sent = channel.send(kernels::to_json(*reply)); !sent) return sent;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto memory_limit_mib = read_arguments(argc, argv);
  if (!memory_limit_mib) return complain(memory_limit_mib.error(), k_exit_usage);
  auto channel = WorkerChannel::take_over();
  if (!channel) return complain(channel.error(), k_exit_failed);
  if (*memory_limit_mib > 0) {
    if (auto set = kernels::limit_address_space(*memory_limit_mib); !set) return complain(set.error(), k_exit_failed);
  }
  const auto faults = kernels::faults_from_environment();
  if (!faults) return complain(faults.error(), k_exit_usage);
  kernels::inject(*faults, {{"at", "start"}}, *channel);

  // On a machine with a driver NVRTC keeps a cache of its own, outside of moetune's: what it holds was not compiled.
  ::setenv("CUDA_CACHE_DISABLE", "1", 1);
  const auto worker = kernels::CompileWorker::create();
  if (!worker) return complain(worker.error(), k_exit_no_compiler);
  auto done = channel->send(kernels::to_json(worker->hello()));
  if (done) done = serve(*channel, *worker, *faults);
  return done ? EXIT_SUCCESS : complain(done.error(), k_exit_failed);
}
