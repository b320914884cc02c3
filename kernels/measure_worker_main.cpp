#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "kernels/fault_injection.hpp"
#include "kernels/measure_worker.hpp"
#include "kernels/probe.hpp"
#include "kernels/worker_channel.hpp"
#include "schema/group.hpp"

namespace {

using namespace moetune;
using kernels::WorkerChannel;
using schema::Result;

constexpr int k_exit_usage = 2;
constexpr int k_exit_context_lost = 3;
constexpr int k_exit_failed = 70;
constexpr std::int64_t k_longest_ms = 24 * 3600 * 1000;

struct Arguments {
  bool probe = false;
  kernels::GpuDevice::Options device;
};

int complain(const schema::Error& error, int status) {
  fmt::print(stderr, "moetune-measure-worker: {}\n", error.message);
  return status;
}

Result<Arguments> read_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--probe") {
      arguments.probe = true;
    } else if (name == "--time-limit-ms" && i + 1 < argc) {
      const auto limit = schema::integer_from_text(name, argv[++i], 1, k_longest_ms);
      if (!limit) return std::unexpected(limit.error());
      arguments.device.time_limit = std::chrono::milliseconds(*limit);
    } else {
      return schema::fail(schema::ErrorCode::invalid_argument,
                          "usage: moetune-measure-worker [--time-limit-ms N] (moetuned starts it), or --probe");
    }
  }
  return arguments;
}

/// What faults of tests can be tied to: the kind of the request, and of a job its batch and configuration.
std::map<std::string, std::string> facts_of(const nlohmann::json& request) {
  std::map<std::string, std::string> facts;
  if (!request.is_object()) return facts;
  facts["type"] = request.value("type", "");
  for (const char* name : {"batch", "round", "anchor"}) {
    if (request.contains(name)) facts[name] = request[name].dump();
  }
  if (const auto config = request.find("config"); config != request.end() && config->is_object()) {
    for (const auto& [name, value] : config->items()) facts[name] = value.dump();
  }
  return facts;
}

/// Test-only: MOETUNE_TEST_MEASURE_DELAY_MS makes every measurement last that much longer, so that it can be hit.
std::chrono::milliseconds test_delay() {
  const char* text = std::getenv("MOETUNE_TEST_MEASURE_DELAY_MS");
  const auto delay = schema::integer_from_text("delay", text == nullptr ? "0" : text, 0, k_longest_ms);
  return std::chrono::milliseconds(delay.value_or(0));
}

Result<void> serve(WorkerChannel& channel, kernels::MeasureWorker& worker, const std::vector<kernels::Fault>& faults) {
  const auto delay = test_delay();
  for (;;) {
    const auto request = channel.receive();
    if (!request) return std::unexpected(request.error());
    if (!*request) return {};
    const auto facts = facts_of(**request);
    if (kernels::inject(faults, facts, channel)) continue;
    if (facts.contains("batch")) std::this_thread::sleep_for(delay);
    const auto answer = worker.handle(**request);
    if (!answer) return std::unexpected(answer.error());
    if (auto sent = channel.send(answer->reply); !sent) return sent;
    // The driver could wait without end for a kernel that never ends; the process's end stops it.
    if (answer->last) std::_Exit(k_exit_context_lost);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = read_arguments(argc, argv);
  if (!arguments) return complain(arguments.error(), k_exit_usage);
  if (arguments->probe) {
    fmt::print("{}\n",
               kernels::to_json(kernels::probe()).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    return EXIT_SUCCESS;
  }
  auto channel = WorkerChannel::take_over();
  if (!channel) return complain(channel.error(), k_exit_failed);
  const auto faults = kernels::faults_from_environment();
  if (!faults) return complain(faults.error(), k_exit_usage);
  kernels::inject(*faults, {{"at", "start"}}, *channel);

  kernels::MeasureWorker worker(arguments->device);
  auto done = channel->send(kernels::to_json(worker.hello()));
  if (done) done = serve(*channel, worker, *faults);
  return done ? EXIT_SUCCESS : complain(done.error(), k_exit_failed);
}
