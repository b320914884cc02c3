#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/alignment.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"
#include "schema/problem.hpp"
#include "schema/rounds.hpp"
#include "schema/routing.hpp"
#include "schema/tile_config.hpp"
#include "schema/trial.hpp"

/// What the daemon and its workers say to each other: one JSON object a line, requests on the worker's stdin, one reply
/// a request on its stdout; stderr is the worker's log. A worker first writes its Hello. End of file on stdin ends it.
namespace moetune::kernels {

/// First line of every worker.
struct Hello {
  std::string worker;         ///< "compile" or "measure"
  std::string version;        ///< moetune's version: another one is refused
  std::string compiler;       ///< compile workers: "nvrtc 13.0", as in Group and in an artifact's key; else empty
  std::string kernel_digest;  ///< compile workers: digest of the kernel source that they hold; else empty
};

/// Which compile unit of the kernel `cuda` is wanted: the tile's GEMM, or the rest of the step.
enum class Unit { gemm, step };
std::string_view name_of(Unit unit);
schema::Result<Unit> unit_from_name(std::string_view name);

/// Compile one artifact. Everything that the artifact depends on is in here plus the worker's compiler and source.
struct CompileJob {
  std::int64_t id = 0;
  Unit unit = Unit::gemm;
  std::string arch;  ///< the exact target, "sm_90a"
  schema::Problem problem;
  schema::TileConfig config;  ///< GROUP_SIZE_M is not part of the artifact
  std::string output;         ///< path of a file to write the cubin to; the worker creates it
};

/// `status` is ok, out_of_resources or compile_error; the other outcomes are read off the process by its supervisor.
struct CompileReply {
  std::int64_t id = 0;
  schema::TrialStatus status = schema::TrialStatus::ok;
  std::int64_t cubin_bytes = 0;
  std::int64_t shared_bytes = 0;  ///< dynamic shared memory of one block
  std::int64_t registers = 0;     ///< per thread, 0 when not known
  std::int64_t spill_bytes = 0;   ///< local memory per thread, 0 when not known
  double seconds = 0;             ///< wall time of the compiler
  std::string log_tail;
  nlohmann::json launch = nlohmann::json::object();  ///< how Triton's kernels are launched (TritonLaunch); else empty
  /// Why the finished cubin could not be written (a full disk): says nothing about the candidate.
  std::optional<std::string> not_written = {};
};

/// Where the measure worker gets its times from, and the problem that it keeps resident. Answered by MeasureReady.
struct OpenProblem {
  std::int64_t id = 0;
  int gpu = 0;                                  ///< device index; ignored with a recording
  std::optional<std::string> recording;         ///< path of a JSONL or JSONL.zst file
  std::optional<std::string> recording_kernel;  ///< whose rows, when the recording has those of several kernels
  schema::Problem problem;
  std::vector<std::int64_t> batches;
  schema::L2 l2 = schema::L2::cold;
  std::string routing = "uniform";
  std::optional<schema::ExpertCounts> expert_counts;  ///< what a routing of recorded counts stands for
  std::uint64_t seed = 0;
  std::string step_artifact;     ///< path of the compiled Unit::step; empty with a recording
  AlignmentRule alignment = {};  ///< how the kernel's launches are sized
};

struct MeasureReady {
  std::int64_t id = 0;
  std::optional<schema::Error> error;  ///< why the problem cannot be opened (memory, no GPU, no such rows)
};

/// Measure one candidate of the open problem.
struct MeasureJob {
  std::int64_t id = 0;
  std::int64_t batch = 0;
  schema::TileConfig config;
  std::string gemm_1;             ///< path of GEMM 1's artifact; empty with a recording that is not compiled
  std::string gemm_2;             ///< of GEMM 2's; the same for a kernel that computes both with one tile
  std::optional<double> best_us;  ///< best latency of this batch so far: contenders near it get more samples
  bool quick =
      false;  ///< for a scan: few samples for everybody, and no rests; log_tail is k_clock_fell when the clock did
  /// One round, by its number, of a candidate that takes turns with others: three samples for everybody.
  std::optional<std::int64_t> round = {};
  bool anchor = false;  ///< shows what the GPU is like, and belongs to no candidate
  bool stages = true;   ///< the rest of the step is timed too, once for each batch and BLOCK_SIZE_M
  bool apart = false;   ///< each GEMM in a graph of its own: latency_us is their sum, stages_us has gemm_1 and gemm_2
};

/// log_tail of an ok reply, to the letter, when the clock was low: a quick job's, whose samples were kept all the same,
/// and another's, which was measured again.
inline constexpr std::string_view k_clock_fell = "the clock fell while this was measured";
inline constexpr std::string_view k_measured_again =
    "the clock fell while this was measured: measured again after a rest";

struct MeasureReply {
  std::int64_t id = 0;
  schema::TrialStatus status = schema::TrialStatus::ok;
  std::vector<double> samples_us;
  std::map<std::string, double> stages_us;
  std::optional<std::int64_t> sm_clock_mhz;
  std::optional<std::string> throttle;
  std::string log_tail;
  double busy_us = 0;             ///< device time spent on this job
  bool artifact_damaged = false;  ///< an artifact file does not hold together: compile again, nothing was measured
  bool context_lost = false;      ///< a sticky error: the worker ends after this line
};

nlohmann::json to_json(const Hello& hello);
nlohmann::json to_json(const CompileJob& job);
nlohmann::json to_json(const CompileReply& reply);
nlohmann::json to_json(const OpenProblem& request);
nlohmann::json to_json(const MeasureReady& reply);
nlohmann::json to_json(const MeasureJob& job);
nlohmann::json to_json(const MeasureReply& reply);

/// The kind of a line is in its field "type": hello, compile, compiled, open, ready, measure, measured.
/// Errors of all readers: invalid_argument, naming the field.
schema::Result<Hello> hello_from_json(const nlohmann::json& value);
schema::Result<CompileJob> compile_job_from_json(const nlohmann::json& value);
schema::Result<CompileReply> compile_reply_from_json(const nlohmann::json& value);
schema::Result<OpenProblem> open_problem_from_json(const nlohmann::json& value);
schema::Result<MeasureReady> measure_ready_from_json(const nlohmann::json& value);
schema::Result<MeasureJob> measure_job_from_json(const nlohmann::json& value);
schema::Result<MeasureReply> measure_reply_from_json(const nlohmann::json& value);

}  // namespace moetune::kernels
