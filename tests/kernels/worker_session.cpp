#include "tests/kernels/worker_session.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace moetune::kernels::testing {
namespace {

std::pair<UniqueFd, UniqueFd> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_with(const WorkerSession::Environment& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
    bool replaced = false;
    for (const auto& addition : added) replaced = replaced || addition.first == name;
    if (!replaced) all.emplace_back(*entry);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

}  // namespace

WorkerSession::WorkerSession(std::vector<std::string> argv, const Environment& environment) {
  auto [child_in, to_worker] = make_pipe();
  auto [from_worker, child_out] = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
  auto entries = environment_with(environment);
  const int error =
      ::posix_spawn(&pid_, argv[0].c_str(), &actions, nullptr, pointers_to(argv).data(), pointers_to(entries).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + argv[0]);
  to_worker_ = std::move(to_worker);
  from_worker_ = std::move(from_worker);
  std::signal(SIGPIPE, SIG_IGN);
}

WorkerSession::~WorkerSession() {
  if (status_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void WorkerSession::send_text(std::string text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto written = ::write(to_worker_.get(), rest.data(), rest.size());
    if (written < 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::optional<std::string> WorkerSession::receive_text(std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (const auto end = received_.find('\n'); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd readable{.fd = from_worker_.get(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
    char chunk[4096];
    const auto got = ::read(from_worker_.get(), chunk, sizeof chunk);
    if (got <= 0) return std::nullopt;
    received_.append(chunk, static_cast<std::size_t>(got));
  }
}

std::optional<nlohmann::json> WorkerSession::receive() {
  const auto line = receive_text();
  if (!line) return std::nullopt;
  auto value = nlohmann::json::parse(*line, nullptr, false);
  if (value.is_discarded()) {
    ADD_FAILURE() << "not JSON: " << *line;
    return std::nullopt;
  }
  return value;
}

int WorkerSession::wait() {
  if (!status_) {
    int raw = 0;
    ::waitpid(pid_, &raw, 0);
    status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw);
  }
  return *status_;
}

MeasureReady WorkerSession::open(const OpenProblem& request) {
  send(to_json(request));
  const auto line = receive();
  const auto ready = measure_ready_from_json(line.value_or(nlohmann::json()));
  if (!ready) ADD_FAILURE() << ready.error().message;
  return ready.value_or(MeasureReady{});
}

MeasureReply WorkerSession::measure(const MeasureJob& job) {
  send(to_json(job));
  const auto line = receive();
  const auto reply = measure_reply_from_json(line.value_or(nlohmann::json()));
  if (!reply) ADD_FAILURE() << reply.error().message;
  return reply.value_or(MeasureReply{});
}

}  // namespace moetune::kernels::testing
