#include "daemon/sweep/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/supervisor/run_program.hpp"
#include "kernels/probe.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr auto k_probe_time = std::chrono::seconds(60);
constexpr std::size_t k_max_line = 1 << 20;

/// The one line that the probe prints. A probe that dies or hangs (a broken driver) is an error that says so.
Result<std::string> probe_line(const std::filesystem::path& measure_worker) {
  const auto end =
      run_program({.argv = {measure_worker.string(), "--probe"}, .environment = {}}, "", k_probe_time, k_max_line);
  if (!end) return fail(ErrorCode::unavailable, fmt::format("looking for GPUs failed: {}", end.error().message));
  if (end->out.empty()) {
    return fail(ErrorCode::unavailable,
                fmt::format("looking for GPUs failed: {} {}", measure_worker.string(), to_text(end->status)));
  }
  return end->out.substr(0, end->out.find('\n'));
}

Result<kernels::DeviceFacts> probe_facts(const std::filesystem::path& measure_worker) {
  const auto line = probe_line(measure_worker);
  if (!line) return std::unexpected(line.error());
  const auto body = schema::parse_json(*line, "the probe's answer");
  if (!body) return std::unexpected(body.error());
  return kernels::device_facts_from_json(*body);
}

Result<void> keep_only(std::vector<Gpu>& gpus, const std::vector<int>& wanted) {
  for (const int index : wanted) {
    if (std::ranges::find(gpus, index, &Gpu::index) == gpus.end()) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--gpus: there is no GPU {} here, there are {}", index, gpus.size()));
    }
  }
  if (!wanted.empty())
    std::erase_if(gpus, [&](const Gpu& gpu) { return std::ranges::find(wanted, gpu.index) == wanted.end(); });
  return {};
}

}  // namespace

Result<Machine> examine_machine(const std::filesystem::path& measure_worker, const std::vector<int>& gpus,
                                TritonToolchain::Paths triton) {
  Machine machine;
  machine.triton = TritonToolchain::examine(std::move(triton));
  const auto facts = probe_facts(measure_worker);
  if (!facts) {
    // Recordings and queries work without a GPU: a daemon that cannot look for one still serves.
    machine.missing = facts.error().message;
    machine.facts = {
        {"lacks", {{{"what", facts.error().message}, {"remedy", "run moetune-measure-worker --probe by hand"}}}}};
    return machine;
  }
  for (const auto& gpu : facts->gpus) {
    machine.gpus.push_back({gpu.index, gpu.name, gpu.arch, gpu.compile_arch, gpu.uuid, facts->driver_version});
  }
  machine.compiler = facts->nvrtc;
  for (const auto& lack : facts->lacks) {
    machine.missing += fmt::format("{}{} ({})", machine.missing.empty() ? "" : "; ", lack.what, lack.remedy);
  }
  machine.facts = kernels::to_json(*facts);
  if (auto kept = keep_only(machine.gpus, gpus); !kept) return std::unexpected(kept.error());
  return machine;
}

}  // namespace moetune::daemon
