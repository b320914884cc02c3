#include "tests/e2e/running_daemon.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace moetune::e2e {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto k_start_time = std::chrono::seconds(60);
constexpr auto k_poll_interval = std::chrono::milliseconds(20);

/// Appends what can be read without waiting; false at end of file.
bool drain(int fd, std::string& text) {
  char buffer[65536];
  for (;;) {
    const auto count = ::read(fd, buffer, sizeof buffer);
    if (count <= 0) return count < 0;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "moetune_e2e_XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string executable(const std::string& name) {
  // All executables of a build lie in one folder, also on a machine that they were carried to.
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

RunningDaemon::RunningDaemon(Options options) : options_(std::move(options)) {
  std::filesystem::create_directories(options_.data_dir);
  const auto log_file = (options_.data_dir / "test.log").string();
  // The shell sends the log to a file, so that no full pipe can ever hold the daemon up.
  std::string script = fmt::format("exec \"$0\" \"$@\" 2>>'{}'", log_file);
  std::vector<std::string> argv = {"/bin/sh",     "-c",
                                   script,        executable("moetuned"),
                                   "--data-dir",  options_.data_dir.string(),
                                   "--cache-dir", options_.cache_dir.string(),
                                   "--listen",    "127.0.0.1:0"};
  argv.insert(argv.end(), options_.arguments.begin(), options_.arguments.end());
  auto child = daemon::ChildProcess::spawn({.argv = argv, .environment = options_.environment});
  if (!child) throw std::runtime_error(child.error().message);
  child_.emplace(std::move(*child));
  std::string out;
  const auto deadline = SteadyClock::now() + k_start_time;
  while (out.find('\n') == std::string::npos) {
    pollfd fds[] = {{child_->stdout_fd(), POLLIN, 0}};
    ::poll(fds, 1, 100);
    const bool open = drain(child_->stdout_fd(), out);
    if ((!open && out.empty()) || SteadyClock::now() > deadline)
      throw std::runtime_error("moetuned does not start: " + log());
  }
  constexpr std::string_view k_ready = "listening on ";
  if (!out.starts_with(k_ready)) throw std::runtime_error("moetuned said: " + out);
  url_ = out.substr(k_ready.size(), out.find('\n') - k_ready.size());
}

RunningDaemon::~RunningDaemon() {
  kill();
}

std::string RunningDaemon::log() const {
  std::ifstream file(options_.data_dir / "test.log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<std::string> RunningDaemon::lacks(const std::string& check) const {
  const nlohmann::json answer = get("/doctor").json();
  for (const nlohmann::json& told : answer.at("checks")) {
    if (told["name"] == check && told["status"] != "ok") return "no " + check + ": " + told.dump();
  }
  return std::nullopt;
}

Answer RunningDaemon::get(const std::string& path) const {
  httplib::Client client(url_);
  client.set_read_timeout(120);
  const auto result = client.Get(path);
  return result ? Answer{result->status, result->body} : Answer{};
}

Answer RunningDaemon::post(const std::string& path, const std::string& body, const std::string& type) const {
  httplib::Client client(url_);
  client.set_read_timeout(120);
  const auto result = body.empty() ? client.Post(path) : client.Post(path, body, type);
  return result ? Answer{result->status, result->body} : Answer{};
}

std::string RunningDaemon::upload(const std::string& bytes) const {
  const auto answer = post("/uploads", bytes, "application/octet-stream");
  if (answer.status != 201) throw std::runtime_error(fmt::format("upload: {} {}", answer.status, answer.body));
  return answer.json().at("id");
}

std::int64_t RunningDaemon::create_sweep(const nlohmann::json& spec) const {
  const auto answer = post("/sweeps", spec.dump());
  if (answer.status != 202) throw std::runtime_error(fmt::format("create: {} {}", answer.status, answer.body));
  return answer.json().at("id");
}

std::int64_t RunningDaemon::tune(const ProblemInSpace& problem, bool compile) const {
  return create_sweep(problem.sweep(upload(problem.recording()), compile));
}

nlohmann::json RunningDaemon::sweep(std::int64_t id) const {
  return get(fmt::format("/sweeps/{}", id)).json();
}

nlohmann::json RunningDaemon::wait_for(std::int64_t id, const std::vector<std::string>& states,
                                       std::chrono::seconds patience) const {
  const auto deadline = SteadyClock::now() + patience;
  for (;;) {
    const auto view = sweep(id);
    if (view.is_object() && view.contains("state")) {
      for (const auto& state : states) {
        if (view["state"] == state) return view;
      }
    }
    if (SteadyClock::now() > deadline)
      throw std::runtime_error(fmt::format("sweep {} is {}\n{}", id, view.dump(), log()));
    std::this_thread::sleep_for(k_poll_interval);
  }
}

nlohmann::json RunningDaemon::wait_for_trials(std::int64_t id, std::int64_t count,
                                              std::chrono::seconds patience) const {
  const auto deadline = SteadyClock::now() + patience;
  for (;;) {
    const auto view = sweep(id);
    if (view.is_object() && view.contains("trials") && view["trials"]["done"].get<std::int64_t>() >= count) return view;
    if (SteadyClock::now() > deadline)
      throw std::runtime_error(fmt::format("sweep {} is {}\n{}", id, view.dump(), log()));
    std::this_thread::sleep_for(k_poll_interval);
  }
}

void RunningDaemon::kill() {
  if (!child_) return;
  ::kill(child_->pid(), SIGKILL);
  pollfd fds[] = {{child_->pidfd(), POLLIN, 0}};
  ::poll(fds, 1, 10'000);
  child_.reset();
}

std::optional<int> RunningDaemon::terminate() {
  ::kill(child_->pid(), SIGTERM);
  pollfd fds[] = {{child_->pidfd(), POLLIN, 0}};
  ::poll(fds, 1, 30'000);
  const auto status = child_->try_wait();
  child_.reset();
  return status ? status->code : std::nullopt;
}

std::vector<pid_t> RunningDaemon::workers(const std::string& name) const {
  std::vector<pid_t> pids;
  if (!child_) return pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto text = entry.path().filename().string();
    if (text.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code error;
    const auto exe = std::filesystem::read_symlink(entry.path() / "exe", error);
    if (error || exe.filename() != name) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string line;
    std::getline(stat, line);
    std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
    char state = 0;
    pid_t parent = 0;
    fields >> state >> parent;
    if (parent == child_->pid() && state != 'Z') pids.push_back(std::stoi(text));
  }
  return pids;
}

nlohmann::json best_of(const nlohmann::json& view) {
  nlohmann::json best = view.at("best");
  for (auto& [batch, entry] : best.items()) {
    entry.erase("reason");
    entry.erase("sweep");
    if (entry["chosen"].is_object()) entry["chosen"].erase("sweep");
  }
  return best;
}

Finished run_program(const std::vector<std::string>& argv,
                     const std::vector<std::pair<std::string, std::string>>& environment,
                     std::chrono::seconds patience) {
  auto child = daemon::ChildProcess::spawn({.argv = argv, .environment = environment});
  if (!child) throw std::runtime_error(child.error().message);
  child->close_stdin();
  Finished finished;
  const auto deadline = SteadyClock::now() + patience;
  for (;;) {
    pollfd fds[] = {{child->stdout_fd(), POLLIN, 0}, {child->stderr_fd(), POLLIN, 0}, {child->pidfd(), POLLIN, 0}};
    ::poll(fds, 3, 50);
    const auto status = child->try_wait();
    drain(child->stdout_fd(), finished.out);
    drain(child->stderr_fd(), finished.err);
    if (status) {
      finished.status = status->code.value_or(128 + status->signal.value_or(0));
      return finished;
    }
    if (SteadyClock::now() > deadline)
      throw std::runtime_error(argv[0] + " takes too long: " + finished.out + finished.err);
  }
}

}  // namespace moetune::e2e
