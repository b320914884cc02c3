#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/worker_channel.hpp"
#include "schema/error.hpp"

// Test-only: makes a worker really fail, so that tests of the supervision see true crashes and not simulated ones. Does
// nothing unless the environment variable MOETUNE_TEST_FAULT is set.
namespace moetune::kernels {

/// What happens. At a job it happens instead of the job's reply.
enum class FaultKind {
  abort,
  segfault,
  killed,     ///< SIGKILL, as from outside
  exit0,      ///< ends with status 0 in the middle
  hang,       ///< computes without end
  allocate,   ///< allocates and touches memory without end
  garbage,    ///< a line that is not JSON
  wrong_id,   ///< a well-formed reply to a job that nobody sent
  flood,      ///< bytes without end and without a newline
  half_line,  ///< the first half of a reply, then the end
  mute,       ///< closes its output and lives on
  orphan,     ///< leaves a child that keeps the pipes open, then aborts
  print,      ///< harmless: prints to stdout as a library might, then goes on
};

struct Fault {
  FaultKind kind = FaultKind::abort;
  std::map<std::string, std::string> when;  ///< facts that must hold
  std::string once;                         ///< a file: the fault happens only while it is missing, and makes it
};

/// Reads "KIND[@NAME=VALUE,NAME=VALUE...][;...]", e.g. "abort@BLOCK_SIZE_M=64,num_stages=3;hang@unit=step". The name
/// "once" takes a path instead of a fact. Without a condition the fault happens at every job; at=start means before
/// Hello. Errors: invalid_argument.
schema::Result<std::vector<Fault>> faults_from_text(std::string_view text);
/// Those of MOETUNE_TEST_FAULT.
schema::Result<std::vector<Fault>> faults_from_environment();

/// Lets the first fault happen whose conditions are all among `facts`. Comes back only when there is none, or when the
/// fault is one that a process survives; true: the job must not be answered any more.
bool inject(const std::vector<Fault>& faults, const std::map<std::string, std::string>& facts, WorkerChannel& channel);

}  // namespace moetune::kernels
