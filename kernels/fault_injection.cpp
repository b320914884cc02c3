#include "kernels/fault_injection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "kernels/worker_protocol.hpp"

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::array<std::pair<std::string_view, FaultKind>, 13> k_kinds = {{
    {"abort", FaultKind::abort},
    {"segfault", FaultKind::segfault},
    {"killed", FaultKind::killed},
    {"exit0", FaultKind::exit0},
    {"hang", FaultKind::hang},
    {"allocate", FaultKind::allocate},
    {"garbage", FaultKind::garbage},
    {"wrong_id", FaultKind::wrong_id},
    {"flood", FaultKind::flood},
    {"half_line", FaultKind::half_line},
    {"mute", FaultKind::mute},
    {"orphan", FaultKind::orphan},
    {"print", FaultKind::print},
}};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const auto end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return pieces;
}

Result<Fault> fault_from_text(std::string_view text) {
  const auto at = text.find('@');
  const auto* found = std::ranges::find(k_kinds, text.substr(0, at), &std::pair<std::string_view, FaultKind>::first);
  if (found == k_kinds.end()) return fail(ErrorCode::invalid_argument, fmt::format("there is no fault \"{}\"", text));
  Fault fault{.kind = found->second, .when = {}, .once = {}};
  if (at == std::string_view::npos) return fault;
  for (const auto condition : split(text.substr(at + 1), ',')) {
    const auto equals = condition.find('=');
    if (equals == std::string_view::npos) {
      return fail(ErrorCode::invalid_argument, fmt::format("\"{}\" in a fault must be NAME=VALUE", condition));
    }
    const auto name = condition.substr(0, equals);
    const auto value = std::string(condition.substr(equals + 1));
    if (name == "once") {
      fault.once = value;
    } else {
      fault.when.emplace(name, value);
    }
  }
  return fault;
}

[[noreturn]] void allocate_without_end() {
  constexpr std::size_t k_step = 16U << 20;
  for (;;) {
    char* block = new char[k_step];
    std::memset(block, 1, k_step);
    // Keeps the optimiser from removing an allocation that nobody reads.
    asm volatile("" : : "r"(block) : "memory");
  }
}

[[noreturn]] void compute_without_end() {
  for (volatile unsigned i = 0;;) i = i + 1;
}

[[noreturn]] void leave_an_orphan() {
  if (::fork() == 0) {
    for (;;) ::pause();
  }
  std::abort();
}

[[noreturn]] void flood(WorkerChannel& channel) {
  const std::string block(64 << 10, 'x');
  while (channel.send_raw(block)) {
  }
  std::abort();
}

/// True when the worker lives on and must stay silent.
bool happen(FaultKind kind, WorkerChannel& channel) {
  switch (kind) {
    case FaultKind::abort:
      std::fputs("the compiler gave up: injected abort\n", stderr);
      std::abort();
    case FaultKind::segfault:
      std::raise(SIGSEGV);
      return true;
    case FaultKind::killed:
      std::raise(SIGKILL);
      return true;
    case FaultKind::exit0:
      ::_exit(0);
    case FaultKind::hang:
      compute_without_end();
    case FaultKind::allocate:
      allocate_without_end();
    case FaultKind::garbage:
      static_cast<void>(channel.send_raw("Segmentation fault in pass #17\n"));
      return true;
    case FaultKind::wrong_id:
      static_cast<void>(channel.send(to_json(CompileReply{.id = 987654321, .log_tail = ""})));
      return true;
    case FaultKind::flood:
      flood(channel);
    case FaultKind::half_line:
      static_cast<void>(channel.send_raw(R"({"type": "compiled", "id": 1, "sta)"));
      ::_exit(0);
    case FaultKind::mute:
      channel.close_output();
      return true;
    case FaultKind::orphan:
      leave_an_orphan();
    case FaultKind::print:
      std::puts("a library that prints to stdout");
      std::fflush(stdout);
      return false;
  }
  return false;
}

/// Makes the marker file; false when it was there.
bool first_time(const std::string& marker) {
  const UniqueFd fd(::open(marker.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  return static_cast<bool>(fd);
}

}  // namespace

Result<std::vector<Fault>> faults_from_text(std::string_view text) {
  std::vector<Fault> faults;
  for (const auto piece : split(text, ';')) {
    auto fault = fault_from_text(piece);
    if (!fault) return std::unexpected(fault.error());
    faults.push_back(std::move(*fault));
  }
  return faults;
}

Result<std::vector<Fault>> faults_from_environment() {
  const char* text = std::getenv("MOETUNE_TEST_FAULT");
  return faults_from_text(text == nullptr ? "" : text);
}

bool inject(const std::vector<Fault>& faults, const std::map<std::string, std::string>& facts, WorkerChannel& channel) {
  const bool starting = facts.contains("at");
  for (const auto& fault : faults) {
    if (starting != fault.when.contains("at")) continue;
    const bool holds = std::ranges::all_of(fault.when, [&](const auto& condition) {
      const auto found = facts.find(condition.first);
      return found != facts.end() && found->second == condition.second;
    });
    if (holds && (fault.once.empty() || first_time(fault.once))) return happen(fault.kind, channel);
  }
  return false;
}

}  // namespace moetune::kernels
