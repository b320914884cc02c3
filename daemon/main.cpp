#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>

#include "daemon/daemon_app.hpp"
#include "daemon/daemon_options.hpp"

namespace {

using namespace moetune::daemon;
using SteadyClock = std::chrono::steady_clock;

sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

/// Returns when a stop signal has come, or when there has been nothing to do for as long as the options say.
void wait_for_the_end(const sigset_t& signals, const DaemonApp& app, const DaemonOptions& options) {
  auto busy_until = SteadyClock::now();
  std::uint64_t requests = 0;
  for (;;) {
    constexpr timespec k_second{1, 0};
    const int signal = sigtimedwait(&signals, nullptr, &k_second);
    if (signal > 0) {
      spdlog::info("stopping on {}", signal == SIGTERM ? "SIGTERM" : signal == SIGINT ? "SIGINT" : "SIGHUP");
      return;
    }
    if (!options.exit_when_idle) continue;
    const std::uint64_t answered = app.requests_answered();
    if (answered != requests || !app.idle()) busy_until = SteadyClock::now();
    requests = answered;
    if (SteadyClock::now() - busy_until >= *options.exit_when_idle) {
      spdlog::info("stopping: idle for {} s", options.exit_when_idle->count());
      return;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = parse_daemon_options(argc, argv);
  if (const auto* exit = std::get_if<ExitNow>(&parsed)) return exit->status;
  const auto& options = std::get<DaemonOptions>(parsed);
  spdlog::set_default_logger(spdlog::stderr_color_mt("moetuned"));
  spdlog::set_level(spdlog::level::from_str(options.log_level == "warn" ? "warning" : options.log_level));
  // Before any thread starts, so that they all inherit it and the signals come here.
  const sigset_t signals = block_stop_signals();
  auto app = DaemonApp::start(options);
  if (!app) {
    fmt::print(stderr, "moetuned: {}\n", app.error().message);
    return app.error().code == moetune::schema::ErrorCode::invalid_argument ? 2 : EXIT_FAILURE;
  }
  fmt::print("listening on {}\n", (*app)->url());
  std::fflush(stdout);
  wait_for_the_end(signals, **app, options);
  return EXIT_SUCCESS;
}
