#include "daemon/doctor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;

constexpr std::uintmax_t k_little_space = 1ULL << 30;

ordered_json check(const char* name, const char* status, std::string message, std::string advice = "") {
  return {{"name", name}, {"status", status}, {"message", std::move(message)}, {"advice", std::move(advice)}};
}

ordered_json folder_check(const char* name, const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error)
    return check(name, "error", fmt::format("{}: {}", folder.string(), error.message()), "make the folder readable");
  const std::string message =
      fmt::format("{}, {:.1f} GiB free", folder.string(), static_cast<double>(space.available) / (1ULL << 30));
  if (space.available < k_little_space)
    return check(name, "missing", message, "free some space: rows and kernels are stored here");
  return check(name, "ok", message);
}

ordered_json publisher_check(const FolderPublisher& publisher) {
  const auto status = publisher.status();
  const std::string folder = publisher.folder().string();
  if (!status.trouble.empty()) {
    return check("published folder", "missing", fmt::format("{}: {}", folder, status.trouble),
                 "it is tried again by itself; `moetune publish DIR --force` replaces somebody else's files");
  }
  return check("published folder", "ok", fmt::format("{}, {} files", folder, status.files));
}

ordered_json gpu_check(const Machine& machine) {
  if (machine.gpus.empty()) {
    return check("GPU", "missing", "none that sweeps can use",
                 "sweeps need one; recordings, queries and exports work without");
  }
  std::string names;
  for (const Gpu& gpu : machine.gpus)
    names += fmt::format("{}{} ({}, driver {})", names.empty() ? "" : "; ", gpu.device, gpu.arch, gpu.driver);
  return check("GPU", "ok", names);
}

ordered_json triton_check(const TritonToolchain& triton) {
  if (triton.compiler().empty()) {
    return check("Triton", "missing", triton.missing(), "the engines' kernels need it; the kernel cuda does without");
  }
  return check("Triton", "ok", fmt::format("{} in {}", triton.compiler(), triton.facts().value("python", "")));
}

ordered_json lacking_engine_check(const char* name, const TritonToolchain& triton) {
  return check(name, "missing",
               fmt::format("not installed for {}, nor below an --engine-path", triton.facts().value("python", "")),
               fmt::format("to tune its kernel, start moetuned with --engine-path FOLDER (an unpacked wheel or a "
                           "checkout) or --python EXE; a daemon that runs ends with `kill {}`",
                           ::getpid()));
}

/// One line for an engine: what of it can be tuned.
ordered_json engine_check(const nlohmann::json& engine) {
  const std::string where = fmt::format("{} in {}", engine.value("version", ""), engine.value("root", ""));
  const std::string name = engine.value("name", "");
  if (engine.contains("reason")) {
    return check(name.c_str(), "missing", fmt::format("{}: {}", where, engine.value("reason", "")),
                 "use another version, or the kernel builtin");
  }
  const auto kinds = engine.value("tunes", std::vector<std::string>());
  return check(name.c_str(), "ok", fmt::format("{}: tunes {}", where, fmt::join(kinds, ", ")));
}

}  // namespace

ordered_json doctor_report(const Machine& machine, KernelCache& cache, const std::filesystem::path& data_dir,
                           const FolderPublisher* publisher) {
  ordered_json checks = ordered_json::array();
  checks.push_back(folder_check("data folder", data_dir));
  if (publisher != nullptr) checks.push_back(publisher_check(*publisher));
  const auto statistics = cache.statistics();
  if (statistics.writable) {
    checks.push_back(folder_check("kernel cache", statistics.folder));
  } else {
    checks.push_back(
        check("kernel cache", "missing", fmt::format("{} cannot be written", statistics.folder.string()),
              "kernels are compiled again in every run; make the folder writable or name another with --cache-dir"));
  }
  checks.push_back(machine.compiler.empty()
                       ? check("compiler", "missing", "no NVRTC found", "run make setup, or install the CUDA Toolkit")
                       : check("compiler", "ok", machine.compiler));
  checks.push_back(triton_check(machine.triton));
  const auto engines = machine.triton.facts().value("engines", nlohmann::json::array());
  for (const auto& engine : engines) checks.push_back(engine_check(engine));
  for (const char* name : {"vllm", "sglang"}) {
    const bool known =
        std::ranges::any_of(engines, [&](const auto& engine) { return engine.value("name", "") == name; });
    if (!known && !machine.triton.compiler().empty()) checks.push_back(lacking_engine_check(name, machine.triton));
  }
  checks.push_back(gpu_check(machine));
  for (const auto& lack : machine.facts.value("lacks", ordered_json::array())) {
    checks.push_back(check("machine", "missing", lack.value("what", ""), lack.value("remedy", "")));
  }
  return {{"version", MOETUNE_VERSION},
          {"checks", std::move(checks)},
          {"gpus", machine.facts.value("gpus", ordered_json::array())}};
}

}  // namespace moetune::daemon
