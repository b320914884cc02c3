#include "daemon/daemon_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "schema/group.hpp"

namespace moetune::daemon {
namespace {

constexpr int k_exit_usage = 2;

std::filesystem::path home_folder(const char* variable, const char* below_home) {
  if (const char* folder = std::getenv(variable); folder != nullptr && *folder == '/')
    return std::filesystem::path(folder) / "moetune";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr && *home != '\0' ? home : "/") / below_home / "moetune";
}

/// That of the active virtual environment, else that of the checkout which the executable was built in.
std::filesystem::path default_python() {
  const auto in_environment = std::filesystem::path("bin") / "python";
  if (const char* active = std::getenv("VIRTUAL_ENV"); active != nullptr && *active == '/') {
    return active / in_environment;
  }
  std::error_code error;
  auto folder = std::filesystem::read_symlink("/proc/self/exe", error);
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    const auto python = folder / ".venv" / in_environment;
    if (std::filesystem::exists(folder / "CMakePresets.json", error) && std::filesystem::exists(python, error))
      return python;
  }
  return "python3";
}

schema::Result<std::vector<int>> gpus_from_text(const std::string& text) {
  std::vector<int> gpus;
  if (text == "all") return gpus;
  std::istringstream parts(text);
  std::string part;
  while (std::getline(parts, part, ',')) {
    const auto index = schema::integer_from_text("--gpus", part, 0, 1023);
    if (!index)
      return schema::fail(schema::ErrorCode::invalid_argument,
                          index.error().message + "; use all, or a list such as 0,1");
    if (std::ranges::count(gpus, static_cast<int>(*index)) > 0)
      return schema::fail(schema::ErrorCode::invalid_argument, fmt::format("--gpus lists {} twice", *index));
    gpus.push_back(static_cast<int>(*index));
  }
  if (gpus.empty())
    return schema::fail(schema::ErrorCode::invalid_argument, "--gpus is empty; use all, or a list such as 0,1");
  return gpus;
}

ExitNow complain(const std::string& message) {
  fmt::print(stderr, "moetuned: {}\n", message);
  return {k_exit_usage};
}

}  // namespace

std::variant<DaemonOptions, ExitNow> parse_daemon_options(int argc, char** argv) {
  DaemonOptions options;
  options.data_dir = home_folder("XDG_DATA_HOME", ".local/share");
  options.cache_dir = home_folder("XDG_CACHE_HOME", ".cache");
  options.compile_jobs = std::max(1U, std::thread::hardware_concurrency());
  options.python = default_python();
  std::string listen = "127.0.0.1:8765";
  std::string gpus = "all";
  std::int64_t idle = -1;
  std::int64_t compile_seconds = options.compile_time_limit.count();
  std::int64_t measure_seconds = options.measure_time_limit.count();

  CLI::App app{
      "moetuned measures tile configurations of fused MoE kernels, remembers every row and answers over HTTP."};
  app.set_version_flag("--version", "moetuned " MOETUNE_VERSION);
  const auto not_empty = [](const std::string& given) { return std::string(given.empty() ? "must not be empty" : ""); };
  app.add_option("--data-dir", options.data_dir, "folder of results.db; default $XDG_DATA_HOME/moetune")
      ->check(not_empty);
  app.add_option("--cache-dir", options.cache_dir, "folder of compiled kernels; default $XDG_CACHE_HOME/moetune")
      ->check(not_empty);
  app.add_option("--listen", listen, "HOST:PORT; port 0 picks a free one; default 127.0.0.1:8765");
  app.add_option("--token-file", options.token_file, "file with the bearer token; required beyond loopback")
      ->check(not_empty);
  app.add_option("--publish", options.publish,
                 "folder that engines read, kept up to date with all files that can be trusted (see moetune publish)")
      ->check(not_empty);
  app.add_option("--gpus", gpus, "GPUs that sweeps may use: all, or indexes such as 0,1");
  app.add_option("--compile-jobs", options.compile_jobs, "compile workers; default one per core")
      ->check(CLI::Range(1, 1024));
  app.add_option("--python", options.python,
                 "Python that has Triton; default that of $VIRTUAL_ENV or the checkout, else python3")
      ->check(not_empty);
  app.add_option("--engine-path", options.engine_paths,
                 "folder of an installed or unpacked vLLM or SGLang, besides those that the Python has; repeatable")
      ->check(not_empty)
      ->check(CLI::ExistingDirectory);
  app.add_option("--kernel-path", options.kernel_paths, "folder of kernels for --kernel NAME.py; repeatable")
      ->check(not_empty)
      ->check(CLI::ExistingDirectory);
  app.add_option("--log-level", options.log_level, "trace, debug, info, warn, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  app.add_option("--exit-when-idle", idle, "end after SECONDS without a sweep or a request")
      ->check(CLI::Range(0, 1 << 30));
  app.add_option("--compile-time-limit", compile_seconds, "seconds that one compilation may take; default 120")
      ->check(CLI::Range(1, 86400));
  app.add_option("--compile-memory-limit", options.compile_memory_limit_mib,
                 "MiB that one compile worker may hold; default 8192")
      ->check(CLI::Range(128, 1 << 24));
  app.add_option("--measure-time-limit", measure_seconds, "seconds that one measurement may take; default 60")
      ->check(CLI::Range(1, 86400));
  app.add_option("--cache-size-limit", options.cache_size_limit_mib,
                 "MiB that the kernel cache may take; default 10240")
      ->check(CLI::Range(1, 1 << 30));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return ExitNow{app.exit(error)};
    return complain(fmt::format("{}; see moetuned --help", error.what()));
  }
  const auto address = http::listen_address_from_text(listen);
  if (!address) return complain("--listen: " + address.error().message);
  options.listen = *address;
  auto chosen = gpus_from_text(gpus);
  if (!chosen) return complain(chosen.error().message);
  options.gpus = std::move(*chosen);
  if (idle >= 0) options.exit_when_idle = std::chrono::seconds(idle);
  options.compile_time_limit = std::chrono::seconds(compile_seconds);
  options.measure_time_limit = std::chrono::seconds(measure_seconds);
  return options;
}

}  // namespace moetune::daemon
