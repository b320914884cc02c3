#include "tests/cli/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace moetune::cli {
namespace {

constexpr std::chrono::seconds k_patience{150};  ///< sanitizers and a busy machine included

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

/// Reads what is there; false at the end, which a terminal reports as EIO.
bool take(int& fd, std::string& text) {
  std::array<char, 4096> piece{};
  const ssize_t count = ::read(fd, piece.data(), piece.size());
  if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
  if (count > 0 || (count < 0 && errno == EINTR)) return true;
  ::close(std::exchange(fd, -1));
  return false;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "moetune-cli-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryFolder::file(const std::string& name, const std::string& bytes) const {
  std::ofstream(path_ / name, std::ios::binary) << bytes;
  return path_ / name;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Program::Program(const std::vector<std::string>& words, const Options& options) {
  std::vector<std::string> arguments = words;
  std::vector<std::string> settings;
  for (const auto& [name, value] : options.environment) settings.push_back(name + "=" + value);
  auto argv = pointers(arguments);
  auto envp = pointers(settings);
  std::array<int, 2> out{-1, -1};
  std::array<int, 2> err{-1, -1};
  if (options.terminal) {
    const winsize size{options.rows, options.columns, 0, 0};
    if (::openpty(out.data(), &out[1], nullptr, nullptr, &size) != 0) throw std::runtime_error("openpty failed");
    err[1] = ::fcntl(out[1], F_DUPFD_CLOEXEC, 3);
    ::fcntl(out[0], F_SETFD, FD_CLOEXEC);
  } else if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2 failed");
  }
  pid_ = ::fork();
  if (pid_ == 0) {  // only calls that are safe after a fork
    ::setsid();
    if (options.terminal) ::ioctl(out[1], TIOCSCTTY, 0);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
}

Program::~Program() {
  close_output();
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Program::read_some(int timeout_ms) {
  std::array<pollfd, 2> watched = {pollfd{out_fd_, POLLIN, 0}, pollfd{err_fd_, POLLIN, 0}};
  if (out_fd_ < 0 && err_fd_ < 0) return false;
  ::poll(watched.data(), watched.size(), timeout_ms);
  if (watched[0].revents != 0) take(out_fd_, out_);
  if (watched[1].revents != 0) take(err_fd_, err_);
  return true;
}

bool Program::wait_for(const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + k_patience;
  const auto there = [&] { return out_.find(text) != std::string::npos || err_.find(text) != std::string::npos; };
  while (!there()) {
    if (std::chrono::steady_clock::now() > deadline || !read_some(100)) return there();
  }
  return true;
}

void Program::send(int signal) const {
  ::kill(pid_, signal);
}

void Program::resize(unsigned short columns, unsigned short rows) const {
  const winsize size{rows, columns, 0, 0};
  ::ioctl(out_fd_, TIOCSWINSZ, &size);
}

void Program::close_output() {
  if (out_fd_ >= 0) ::close(std::exchange(out_fd_, -1));
  if (err_fd_ >= 0) ::close(std::exchange(err_fd_, -1));
}

int Program::finish() {
  const auto deadline = std::chrono::steady_clock::now() + k_patience;
  while (std::chrono::steady_clock::now() < deadline && read_some(100)) {
  }
  if (std::chrono::steady_clock::now() >= deadline) ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace moetune::cli
