#include "kernels/gpu_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "kernels/artifact_file.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/gemm_candidate.hpp"
#include "kernels/gemm_loader.hpp"
#include "kernels/log_tail.hpp"
#include "kernels/replay_timer.hpp"
#include "kernels/resident_problem.hpp"
#include "kernels/stage_timer.hpp"
#include "kernels/step_check.hpp"
#include "schema/trial.hpp"

namespace moetune::kernels {

using schema::fail;
using schema::TrialStatus;

namespace {

constexpr double k_check_passes = 1.7;  // what a check takes in passes: one, GEMM 2 again, and some copying

std::span<const std::byte> bytes_of_text(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::optional<NvmlDevice> nvml_of(const std::string& uuid) {
  const auto nvml = Nvml::open();
  if (!nvml) return std::nullopt;
  auto device = nvml->device(uuid);
  return device ? std::optional(std::move(*device)) : std::nullopt;
}

Result<StepKernels> load_step(const std::string& path) {
  const auto artifact = read_artifact(path);
  if (!artifact) return std::unexpected(artifact.error());
  if (artifact->parts.unit != Unit::step || artifact->info.status != TrialStatus::ok) {
    return fail(ErrorCode::data_damaged, fmt::format("{} holds no compiled step kernels", path));
  }
  return StepKernels::load(bytes_of_text(artifact->cubin));
}

/// What a failure that the candidate's own launches brought about is called.
void judge(const Error& error, MeasureReply& reply) {
  reply.log_tail = log_tail(error.message);
  reply.context_lost = is_timeout(error) || is_sticky(error);
  reply.status = is_timeout(error)                                 ? TrialStatus::measure_timeout
                 : is_out_of_resources(error) && !is_sticky(error) ? TrialStatus::out_of_resources
                                                                   : TrialStatus::launch_error;
}

/// A candidate whose output has been compared. The files are part of it: a scan runs a configuration with other code
/// than the measurement after it.
struct Checked {
  std::int64_t batch = 0;
  schema::TileConfig config;
  std::string gemm_1, gemm_2;
  explicit Checked(const MeasureJob& job)
      : batch(job.batch), config(job.config), gemm_1(job.gemm_1), gemm_2(job.gemm_2) {}
  auto operator<=>(const Checked&) const = default;
};

/// What time_stages() said, and whether the clock was low then: such times are for quick jobs alone.
struct StepStages {
  std::map<std::string, double> times;
  bool hot = false;
};

/// Launches these GEMMs, one after the other, of every pass.
Recorder passes_of(const GemmCandidate& candidate, const Stream& stream, std::vector<Gemm> gemms, std::int64_t passes) {
  return [&candidate, &stream, gemms = std::move(gemms), passes]() -> Result<void> {
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      for (const Gemm gemm : gemms) {
        if (auto launched = candidate.launch(stream, gemm, pass); !launched) return launched;
      }
    }
    return {};
  };
}

/// One graph of both GEMMs, or one of each. Apart they read what they read together, GEMM 2 the reference's own
/// intermediate included, so that their order does not matter. The graphs take turns: before a weight set comes round
/// again as much other memory was touched as in the common graph. What differs is the time between two passes of a
/// GEMM: the other GEMM's weights and outputs do not go through the L2 then, so that A (the same in all passes) and,
/// with fewer weight sets than passes (a warm L2, short memory), weights are more likely to be there still; and an
/// early start (LaunchShape::programmatic) overlaps with the same GEMM's pass before.
std::vector<Recorder> recorders_of(const GemmCandidate& candidate, const Stream& stream, std::int64_t passes,
                                   bool apart) {
  if (!apart) return {passes_of(candidate, stream, {Gemm::first, Gemm::second}, passes)};
  return {passes_of(candidate, stream, {Gemm::first}, passes), passes_of(candidate, stream, {Gemm::second}, passes)};
}

}  // namespace

/// Members are in the order in which they depend on each other; the context goes last.
struct GpuDevice::State {
  State(Options given_options, Context given_context, Stream given_stream, StepKernels given_step)
      : options(given_options),
        context(std::move(given_context)),
        stream(std::move(given_stream)),
        step(std::move(given_step)),
        watch(nvml_of(context.device().uuid)),
        arch(arch_of(context.device().cc_major, context.device().cc_minor)) {}

  Options options;
  Context context;
  Stream stream;
  StepKernels step;
  PowerWatch watch;
  std::string arch;
  std::optional<ReplayTimer> timer;
  std::optional<ResidentProblem> resident;
  GemmModules modules;
  std::set<Checked> checked;
  std::set<std::int64_t> hot;                                 // batches that made the clock fall
  std::map<std::pair<std::int64_t, int>, StepStages> stages;  // by batch and BLOCK_SIZE_M
  std::map<std::int64_t, double> best_us;                     // by batch: jobs that wait here were sent without it

  Result<std::optional<GemmPair>> load(const MeasureJob& job, MeasureReply& reply);
  Result<const GemmKernel*> load(const GemmKey& key, MeasureReply& reply);
  Result<void> prepare(const MeasureJob& job);
  /// The time of the pass that was compared; nothing when none was, or when it is decided that the reply is a failure.
  Result<std::optional<double>> check(const MeasureJob& job, const GemmPair& gemms, SteadyTime deadline,
                                      MeasureReply& reply);
  bool is_timed_by(double pass_us, const MeasureJob& job) const;
  Result<void> time(const MeasureJob& job, const GemmPair& gemms, SteadyTime deadline, MeasureReply& reply);
  Result<void> attach_stages(const MeasureJob& job, MeasureReply& reply);
  MeasureJob with_best(MeasureJob job) const;
  void note_best(std::int64_t batch, double us);
};

GpuDevice::GpuDevice(std::unique_ptr<State> state) : state_(std::move(state)) {}
GpuDevice::~GpuDevice() = default;

Result<std::unique_ptr<GpuDevice>> GpuDevice::open(const OpenProblem& request, const Options& options) {
  if (auto known = check_measurable(request.problem); !known) return std::unexpected(known.error());
  const auto popularity = ExpertPopularity::of(request.routing, request.expert_counts, request.problem);
  if (!popularity) return std::unexpected(popularity.error());
  auto context = Context::open(request.gpu);
  if (!context) return std::unexpected(context.error());
  const auto memory = context->memory();
  if (!memory) return std::unexpected(memory.error());
  const auto plan = plan_residency(request.problem, request.batches, request.l2, context->device().l2_bytes,
                                   allocatable_bytes(context->device(), *memory, host_available_bytes()),
                                   request.alignment, *popularity);
  if (!plan) return std::unexpected(plan.error());
  auto step = load_step(request.step_artifact);
  if (!step) return std::unexpected(step.error());
  auto stream = Stream::create();
  if (!stream) return std::unexpected(stream.error());

  auto state = std::make_unique<State>(options, std::move(*context), std::move(*stream), std::move(*step));
  auto timer = ReplayTimer::create(state->stream, state->watch);
  if (!timer) return std::unexpected(timer.error());
  state->timer = std::move(*timer);
  auto resident = ResidentProblem::create(state->step, state->stream, request, *plan, *popularity);
  if (!resident) return std::unexpected(resident.error());
  state->resident.emplace(std::move(*resident));
  return std::unique_ptr<GpuDevice>(new GpuDevice(std::move(state)));
}

/// The loaded kernels, or nothing when the reply has been decided.
Result<std::optional<GemmPair>> GpuDevice::State::load(const MeasureJob& job, MeasureReply& reply) {
  GemmPair gemms;
  for (const auto& [kernel, key] : {std::pair(&gemms.first, GemmKey(job.gemm_1, up_tile(job.config))),
                                    std::pair(&gemms.second, GemmKey(job.gemm_2, down_tile(job.config)))}) {
    const auto loaded = load(key, reply);
    if (!loaded) return std::unexpected(loaded.error());
    if (*loaded == nullptr) return std::nullopt;
    *kernel = *loaded;
  }
  return gemms;
}

/// The loaded kernel, or null when the reply has been decided.
Result<const GemmKernel*> GpuDevice::State::load(const GemmKey& key, MeasureReply& reply) {
  if (const GemmKernel* loaded = modules.find(key)) return loaded;
  const auto artifact = read_artifact(key.path());
  if (!artifact || artifact->parts.unit != Unit::gemm || artifact->info.status != TrialStatus::ok) {
    reply.artifact_damaged = true;
    reply.log_tail =
        artifact ? fmt::format("{} holds no compiled GEMM", key.path()) : log_tail(artifact.error().message);
    return nullptr;
  }
  auto loaded = load_gemm(*artifact, resident->problem(), key.tile(), arch, context.device().shared_optin_bytes);
  if (loaded) return modules.put(key, std::move(*loaded));
  judge(loaded.error(), reply);
  return nullptr;
}

Result<void> GpuDevice::State::prepare(const MeasureJob& job) {
  const auto begin = std::chrono::steady_clock::now();
  auto ready = resident->prepare(job.batch, job.config.block_size_m);
  const auto end = std::chrono::steady_clock::now();
  // Plain loops do not heat as the tiles do that they are compared with.
  watch.heat().worked(std::chrono::duration_cast<microseconds>((end - begin) * k_least_heat), end);
  return ready;
}

Result<std::optional<double>> GpuDevice::State::check(const MeasureJob& job, const GemmPair& gemms, SteadyTime deadline,
                                                      MeasureReply& reply) {
  if (checked.contains(Checked(job))) return std::nullopt;
  const GemmCandidate candidate(gemms, *resident, job.batch, job.config);
  const StepBounds bounds = bounds_of(resident->problem());
  for (const bool again : {false, true}) {
    const auto errors = check_step(candidate, stream, deadline, watch);
    if (!errors) return std::unexpected(errors.error());
    reply.busy_us += errors->busy_us;
    const double heat_us = errors->busy_us * heat_share(errors->busy_us / k_check_passes, job.best_us);
    watch.heat().worked(microseconds{static_cast<std::int64_t>(heat_us)}, std::chrono::steady_clock::now());
    if (is_correct(*errors, bounds)) {
      checked.emplace(job);
      return errors->pass_us;
    }
    reply.status = TrialStatus::wrong_result;
    reply.log_tail = explain(*errors, bounds);
    // This kernel, or one before it, may have written over the inputs: everybody starts from fresh ones.
    auto fresh = resident->refill();
    if (fresh) fresh = resident->prepare(job.batch, job.config.block_size_m);
    if (!fresh) return std::unexpected(fresh.error());
    if (again) break;
    reply.status = TrialStatus::ok;
  }
  return std::nullopt;
}

/// In a scan, where a heavy batch has one pass a replay anyhow, the pass that was compared is enough for what is far
/// behind. Of GEMMs apart one may be the best however slow both are together.
bool GpuDevice::State::is_timed_by(double pass_us, const MeasureJob& job) const {
  const BatchPlan& plan = resident->batch(job.batch).plan();
  return job.quick && !job.apart && plan.passes == 1 && is_surely_hopeless(pass_us, job.best_us);
}

Result<void> GpuDevice::State::time(const MeasureJob& job, const GemmPair& gemms, SteadyTime deadline,
                                    MeasureReply& reply) {
  const GemmCandidate candidate(gemms, *resident, job.batch, job.config);
  const BatchPlan& plan = resident->batch(job.batch).plan();
  auto times = timer->measure({.recorders = recorders_of(candidate, stream, plan.passes, job.apart),
                               .passes = plan.passes,
                               .best_us = job.best_us,
                               .heavy = plan.heavy || hot.contains(job.batch),
                               .pace = job.quick ? Pace::quick : Pace::round,
                               .deadline = deadline});
  if (!times) return std::unexpected(times.error());
  reply.samples_us = std::move(times->samples_us);
  if (job.apart) {
    reply.stages_us = {{"gemm_1", schema::median(times->parts_us.front())},
                       {"gemm_2", schema::median(times->parts_us.back())}};
  }
  reply.busy_us += times->busy_us;
  reply.sm_clock_mhz = watch.sm_clock_mhz();
  if (std::string reasons = watch.throttle(); !reasons.empty()) reply.throttle = std::move(reasons);
  // A quick job of a light batch ends before a reading of its own: what it sees is left over from a heavy one.
  if (times->clock_fell && (plan.heavy || !job.quick)) {
    hot.insert(job.batch);
    reply.log_tail = job.quick ? k_clock_fell : k_measured_again;
  }
  return {};
}

Result<void> GpuDevice::State::attach_stages(const MeasureJob& job, MeasureReply& reply) {
  StepStages& known = stages[{job.batch, job.config.block_size_m}];
  if (known.times.empty() || (known.hot && !job.quick)) {
    auto times = time_stages(*resident, job.batch, job.config.block_size_m, stream, *timer,
                             std::chrono::steady_clock::now() + options.time_limit);
    if (!times) return std::unexpected(times.error());
    known = {.times = std::move(*times), .hot = watch.clock_is_low()};
  }
  reply.stages_us.insert(known.times.begin(), known.times.end());
  return {};
}

/// The job with the best that is known of its batch, here or where it was sent.
MeasureJob GpuDevice::State::with_best(MeasureJob job) const {
  const auto found = best_us.find(job.batch);
  if (found != best_us.end()) job.best_us = std::min(found->second, job.best_us.value_or(found->second));
  return job;
}

void GpuDevice::State::note_best(std::int64_t batch, double us) {
  const auto [best, first] = best_us.try_emplace(batch, us);
  if (!first) best->second = std::min(best->second, us);
}

Result<MeasureReply> GpuDevice::measure(const MeasureJob& sent) {
  State& state = *state_;
  if (!state.resident->has(sent.batch)) {
    return fail(ErrorCode::invalid_argument, fmt::format("batch {} is not one of the open problem's", sent.batch));
  }
  const MeasureJob job = state.with_best(sent);
  MeasureReply reply;
  reply.id = job.id;
  const auto gemms = state.load(job, reply);
  if (!gemms) return std::unexpected(gemms.error());
  if (!*gemms) return reply;
  if (auto ready = state.prepare(job); !ready) return std::unexpected(ready.error());
  const auto deadline = std::chrono::steady_clock::now() + state.options.time_limit;
  const auto pass_us = state.check(job, **gemms, deadline, reply);
  if (!pass_us) {
    judge(pass_us.error(), reply);
    return reply;
  }
  if (reply.status != TrialStatus::ok) return reply;
  if (*pass_us && state.is_timed_by(**pass_us, job)) {
    reply.samples_us = {**pass_us};
    reply.sm_clock_mhz = state.watch.sm_clock_mhz();
  } else if (auto timed = state.time(job, **gemms, deadline, reply); !timed) {
    judge(timed.error(), reply);
    return reply;
  }
  state.note_best(job.batch, schema::median(reply.samples_us));
  if (!job.stages) return reply;
  if (auto attached = state.attach_stages(job, reply); !attached) return std::unexpected(attached.error());
  return reply;
}

}  // namespace moetune::kernels
