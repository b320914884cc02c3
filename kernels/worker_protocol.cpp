#include "kernels/worker_protocol.hpp"

#include <fmt/format.h>

#include "schema/strict_json.hpp"

namespace moetune::kernels {
namespace {

using nlohmann::json;
using schema::ErrorCode;
using schema::fail;
using schema::ObjectReader;
using schema::Result;

constexpr std::size_t k_max_path = 4096;
constexpr std::size_t k_max_log = 64 * 1024;
constexpr std::size_t k_max_samples = 100'000;
constexpr std::size_t k_max_batches = 1024;
constexpr std::size_t k_max_stages = 32;
constexpr double k_max_us = 1e12;
constexpr double k_max_seconds = 1e9;

template <typename T>
T adopt_or(ObjectReader& reader, Result<T> value, T fallback) {
  if (value) return std::move(*value);
  reader.adopt(value.error());
  return fallback;
}

/// Every line says what it is in "type"; reading another kind is an error of the sender.
void expect_type(ObjectReader& reader, std::string_view type) {
  const auto found = reader.text("type");
  if (reader.ok() && found != type) reader.reject("type", fmt::format("must be \"{}\", not \"{}\"", type, found));
}

template <typename T>
Result<T> finished(ObjectReader& reader, T value) {
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return value;
}

std::int64_t read_id(ObjectReader& reader) {
  return reader.integer("id", 0, ObjectReader::k_max);
}

schema::TileConfig read_config(ObjectReader& reader) {
  const auto* value = reader.required_raw("config");
  if (value == nullptr) return {};
  return adopt_or(reader, schema::tile_config_from_json(*value), schema::TileConfig{});
}

json problem_to_json(const schema::Problem& problem) {
  nlohmann::ordered_json object;
  schema::write_problem(problem, object);
  return object;
}

schema::Problem read_problem_object(ObjectReader& reader) {
  const auto* value = reader.required_raw("problem");
  if (value == nullptr) return {};
  ObjectReader fields(*value, "problem");
  auto problem = schema::read_problem(fields, schema::Absent::error);
  return adopt_or(reader, finished(fields, problem), schema::Problem{});
}

schema::TrialStatus read_status(ObjectReader& reader) {
  return adopt_or(reader, schema::trial_status_from_name(reader.text("status")), schema::TrialStatus::ok);
}

std::optional<schema::Error> read_error(ObjectReader& reader) {
  const auto* value = reader.raw("error");
  if (value == nullptr || value->is_null()) return std::nullopt;
  ObjectReader fields(*value, "error");
  const auto name = fields.text("code");
  const auto message = fields.text("message", k_max_log);
  schema::Error error{ErrorCode::internal, message, nullptr};
  bool known = false;
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    if (schema::name_of(static_cast<ErrorCode>(code)) != name) continue;
    error.code = static_cast<ErrorCode>(code);
    known = true;
  }
  if (!known) fields.reject("code", fmt::format("\"{}\" is not the code of an error", name));
  return adopt_or<std::optional<schema::Error>>(reader, finished(fields, std::optional(error)), std::nullopt);
}

std::map<std::string, double> read_stages(ObjectReader& reader) {
  std::map<std::string, double> stages;
  const auto* value = reader.raw("stages_us");
  if (value == nullptr) return stages;
  if (!value->is_object() || value->size() > k_max_stages) {
    reader.reject("stages_us", fmt::format("must be an object of at most {} numbers", k_max_stages));
    return stages;
  }
  ObjectReader fields(*value, "stages_us");
  for (const auto& [name, number] : value->items()) stages[name] = fields.number(name, 0, k_max_us);
  if (auto done = fields.finish(); !done) reader.adopt(done.error());
  return stages;
}

Unit read_unit(ObjectReader& reader) {
  return adopt_or(reader, unit_from_name(reader.text("unit")), Unit::gemm);
}

std::uint64_t read_seed(ObjectReader& reader) {
  const auto* value = reader.required_raw("seed");
  if (value == nullptr) return 0;
  if (!value->is_number_unsigned()) {
    reader.reject("seed", "must be an integer of at least 0");
    return 0;
  }
  return value->get<std::uint64_t>();
}

}  // namespace

std::string_view name_of(Unit unit) {
  return unit == Unit::gemm ? "gemm" : "step";
}

Result<Unit> unit_from_name(std::string_view name) {
  for (const Unit unit : {Unit::gemm, Unit::step}) {
    if (name_of(unit) == name) return unit;
  }
  return fail(ErrorCode::invalid_argument, fmt::format("unit must be gemm or step, not \"{}\"", name));
}

json to_json(const Hello& hello) {
  return {{"type", "hello"},
          {"worker", hello.worker},
          {"version", hello.version},
          {"compiler", hello.compiler},
          {"kernel_digest", hello.kernel_digest}};
}

json to_json(const CompileJob& job) {
  return {{"type", "compile"},
          {"id", job.id},
          {"unit", name_of(job.unit)},
          {"arch", job.arch},
          {"problem", problem_to_json(job.problem)},
          {"config", schema::to_json(job.config)},
          {"output", job.output}};
}

json to_json(const CompileReply& reply) {
  json object = {{"type", "compiled"},
                 {"id", reply.id},
                 {"status", schema::name_of(reply.status)},
                 {"cubin_bytes", reply.cubin_bytes},
                 {"shared_bytes", reply.shared_bytes},
                 {"registers", reply.registers},
                 {"spill_bytes", reply.spill_bytes},
                 {"seconds", reply.seconds},
                 {"log_tail", reply.log_tail}};
  if (!reply.launch.empty()) object["launch"] = reply.launch;
  if (reply.not_written) object["not_written"] = *reply.not_written;
  return object;
}

json to_json(const OpenProblem& request) {
  json object = {{"type", "open"},
                 {"id", request.id},
                 {"gpu", request.gpu},
                 {"problem", problem_to_json(request.problem)},
                 {"batches", request.batches},
                 {"l2", schema::name_of(request.l2)},
                 {"routing", request.routing},
                 {"seed", request.seed},
                 {"step_artifact", request.step_artifact},
                 {"alignment", to_json(request.alignment)}};
  if (request.expert_counts) object["expert_counts"] = schema::to_json(*request.expert_counts);
  if (request.recording) object["recording"] = *request.recording;
  if (request.recording_kernel) object["recording_kernel"] = *request.recording_kernel;
  return object;
}

json to_json(const MeasureReady& reply) {
  json object = {{"type", "ready"}, {"id", reply.id}};
  if (reply.error) {
    object["error"] = {{"code", schema::name_of(reply.error->code)}, {"message", reply.error->message}};
  }
  return object;
}

json to_json(const MeasureJob& job) {
  json object = {{"type", "measure"},    {"id", job.id},
                 {"batch", job.batch},   {"config", schema::to_json(job.config)},
                 {"gemm_1", job.gemm_1}, {"gemm_2", job.gemm_2}};
  if (job.best_us) object["best_us"] = *job.best_us;
  if (job.quick) object["quick"] = true;
  if (job.round) object["round"] = *job.round;
  if (job.apart) object["apart"] = true;
  if (job.anchor) object["anchor"] = true;
  if (!job.stages) object["stages"] = false;
  return object;
}

json to_json(const MeasureReply& reply) {
  json object = {{"type", "measured"},
                 {"id", reply.id},
                 {"status", schema::name_of(reply.status)},
                 {"samples_us", reply.samples_us},
                 {"stages_us", reply.stages_us},
                 {"log_tail", reply.log_tail},
                 {"busy_us", reply.busy_us},
                 {"artifact_damaged", reply.artifact_damaged},
                 {"context_lost", reply.context_lost}};
  if (reply.sm_clock_mhz) object["sm_clock_mhz"] = *reply.sm_clock_mhz;
  if (reply.throttle) object["throttle"] = *reply.throttle;
  return object;
}

Result<Hello> hello_from_json(const json& value) {
  ObjectReader reader(value, "hello");
  expect_type(reader, "hello");
  Hello hello;
  hello.worker = reader.text("worker");
  hello.version = reader.text("version");
  hello.compiler = reader.optional_text("compiler").value_or("");
  hello.kernel_digest = reader.optional_text("kernel_digest").value_or("");
  return finished(reader, hello);
}

Result<CompileJob> compile_job_from_json(const json& value) {
  ObjectReader reader(value, "compile job");
  expect_type(reader, "compile");
  CompileJob job;
  job.id = read_id(reader);
  job.unit = read_unit(reader);
  job.arch = reader.text("arch");
  job.problem = read_problem_object(reader);
  job.config = read_config(reader);
  job.output = reader.text("output", k_max_path);
  return finished(reader, job);
}

Result<CompileReply> compile_reply_from_json(const json& value) {
  ObjectReader reader(value, "compile reply");
  expect_type(reader, "compiled");
  CompileReply reply;
  reply.id = read_id(reader);
  reply.status = read_status(reader);
  using enum schema::TrialStatus;
  if (reader.ok() && reply.status != ok && reply.status != out_of_resources && reply.status != compile_error) {
    reader.reject("status",
                  fmt::format("must be ok, out_of_resources or compile_error, not {}", schema::name_of(reply.status)));
  }
  reply.cubin_bytes = reader.integer("cubin_bytes", 0, ObjectReader::k_max);
  reply.shared_bytes = reader.integer("shared_bytes", 0, ObjectReader::k_max);
  reply.registers = reader.integer("registers", 0, ObjectReader::k_max);
  reply.spill_bytes = reader.integer("spill_bytes", 0, ObjectReader::k_max);
  reply.seconds = reader.number("seconds", 0, k_max_seconds);
  reply.log_tail = reader.text("log_tail", k_max_log);
  if (const json* launch = reader.raw("launch")) {
    reply.launch = *launch;
    if (!launch->is_object()) reader.reject("launch", "must be an object");
  }
  reply.not_written = reader.optional_text("not_written", k_max_log);
  return finished(reader, reply);
}

Result<OpenProblem> open_problem_from_json(const json& value) {
  ObjectReader reader(value, "open request");
  expect_type(reader, "open");
  OpenProblem request;
  request.id = read_id(reader);
  request.gpu = static_cast<int>(reader.integer("gpu", 0, 1023));
  request.recording = reader.optional_text("recording", k_max_path);
  request.recording_kernel = reader.optional_text("recording_kernel");
  request.problem = read_problem_object(reader);
  reader.required_raw("batches");
  request.batches = reader.integers("batches", 1, schema::k_max_batch, k_max_batches);
  request.l2 = adopt_or(reader, schema::l2_from_name(reader.text("l2")), schema::L2::cold);
  request.routing = reader.text("routing");
  if (const json* counts = reader.raw("expert_counts")) {
    request.expert_counts = adopt_or(reader, schema::expert_counts_from_json(*counts), schema::ExpertCounts{});
  }
  request.seed = read_seed(reader);
  request.step_artifact = reader.text("step_artifact", k_max_path);
  if (const json* alignment = reader.required_raw("alignment")) {
    request.alignment = adopt_or(reader, alignment_rule_from_json(*alignment), AlignmentRule{});
  }
  return finished(reader, request);
}

Result<MeasureReady> measure_ready_from_json(const json& value) {
  ObjectReader reader(value, "ready reply");
  expect_type(reader, "ready");
  MeasureReady reply;
  reply.id = read_id(reader);
  reply.error = read_error(reader);
  return finished(reader, reply);
}

Result<MeasureJob> measure_job_from_json(const json& value) {
  ObjectReader reader(value, "measure job");
  expect_type(reader, "measure");
  MeasureJob job;
  job.id = read_id(reader);
  job.batch = reader.integer("batch", 1, schema::k_max_batch);
  job.config = read_config(reader);
  job.gemm_1 = reader.text("gemm_1", k_max_path);
  job.gemm_2 = reader.text("gemm_2", k_max_path);
  job.best_us = reader.optional_number("best_us", 0, k_max_us);
  job.quick = reader.boolean_or("quick", false);
  job.round = reader.optional_integer("round", 0, schema::k_max_rounds);
  job.anchor = reader.boolean_or("anchor", false);
  job.stages = reader.boolean_or("stages", true);
  job.apart = reader.boolean_or("apart", false);
  return finished(reader, job);
}

Result<MeasureReply> measure_reply_from_json(const json& value) {
  ObjectReader reader(value, "measure reply");
  expect_type(reader, "measured");
  MeasureReply reply;
  reply.id = read_id(reader);
  reply.status = read_status(reader);
  reader.required_raw("samples_us");
  reply.samples_us = reader.optional_numbers("samples_us", 0, k_max_us, k_max_samples).value_or(std::vector<double>());
  reply.stages_us = read_stages(reader);
  reply.sm_clock_mhz = reader.optional_integer("sm_clock_mhz", 0, 1'000'000);
  reply.throttle = reader.optional_text("throttle");
  reply.log_tail = reader.text("log_tail", k_max_log);
  reply.busy_us = reader.number("busy_us", 0, k_max_us);
  reply.artifact_damaged = reader.boolean_or("artifact_damaged", false);
  reply.context_lost = reader.boolean_or("context_lost", false);
  if (reader.ok() && reply.status == schema::TrialStatus::ok && !reply.artifact_damaged && reply.samples_us.empty()) {
    reader.reject("samples_us", "must hold at least one sample when status is ok");
  }
  return finished(reader, reply);
}

}  // namespace moetune::kernels
