#include "schema/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "schema/routing.hpp"
#include "schema/strict_json.hpp"

namespace moetune::schema {
namespace {

constexpr std::size_t k_max_samples = 100'000;
constexpr double k_min_us = 1e-3;  ///< a nanosecond: nothing that ran took no time
constexpr double k_max_us = 1e12;
constexpr std::size_t k_max_log_tail = 64 * 1024;

template <typename T>
void write_if(nlohmann::ordered_json& object, const char* name, const std::optional<T>& value) {
  if (value) object[name] = *value;
}

template <typename T>
T adopt_or(ObjectReader& reader, Result<T> value, T fallback) {
  if (value) return std::move(*value);
  reader.adopt(value.error());
  return fallback;
}

/// A name that queries ask for, so that one without any letter would be a row that nobody finds.
std::string read_name(ObjectReader& reader, const char* name) {
  auto text = reader.text(name);
  if (text.empty()) reader.reject(name, "must not be empty");
  return text;
}

Timestamp read_measured_at(ObjectReader& reader) {
  const auto time = timestamp_from_text(reader.text("measured_at"));
  if (!time) reader.reject("measured_at", fmt::format("is wrong: {}", time.error().message));
  return time.value_or(Timestamp{});
}

Group read_group(ObjectReader& reader) {
  Group group;
  group.device = read_name(reader, "device");
  group.problem = read_problem(reader, Absent::error);
  group.kernel = read_name(reader, "kernel");
  group.kernel_digest = read_name(reader, "kernel_digest");
  group.compiler = read_name(reader, "compiler");
  group.l2 = adopt_or(reader, l2_from_name(reader.text("l2")), L2::cold);
  group.routing = canonical_routing(read_name(reader, "routing"));
  group.origin =
      adopt_or(reader, origin_from_name(reader.optional_text("origin").value_or("measured")), Origin::measured);
  return group;
}

std::map<std::string, double> read_stages(ObjectReader& reader) {
  std::map<std::string, double> stages;
  const auto* value = reader.raw("stages_us");
  if (value == nullptr || value->is_null()) return stages;
  if (!value->is_object() || value->size() > 32) {
    reader.reject("stages_us", "must be an object of at most 32 numbers");
    return stages;
  }
  ObjectReader fields(*value, "trial.stages_us");
  for (const auto& [name, number] : value->items()) stages[name] = fields.number(name, 0, k_max_us);
  if (auto done = fields.finish(); !done) reader.adopt(done.error());
  return stages;
}

void read_rounds(ObjectReader& reader, Trial& trial) {
  trial.rounds = reader.integers("rounds", 1, k_max_samples, k_max_samples);
  trial.rounds_of = reader.optional_text("rounds_of", k_max_label);
  if (!reader.ok()) return;
  const auto samples = std::accumulate(trial.rounds.begin(), trial.rounds.end(), std::int64_t{0});
  if (!trial.rounds.empty() && samples != std::ssize(trial.samples_us)) {
    reader.reject("rounds",
                  fmt::format("must add up to the {} numbers of samples_us, not {}", trial.samples_us.size(), samples));
  }
  if (trial.rounds_of && trial.rounds.empty()) reader.reject("rounds_of", "needs the rounds that it is about");
}

void check_latency(ObjectReader& reader, const Trial& trial) {
  if (!reader.ok()) return;
  if (trial.status == TrialStatus::ok && !trial.latency_us) {
    reader.reject("latency_us", "must be a number when status is ok");
  } else if (trial.status != TrialStatus::ok && trial.latency_us) {
    reader.reject("latency_us", fmt::format("must be null when status is {}", name_of(trial.status)));
  } else if (trial.latency_us && *trial.latency_us <= 0) {
    reader.reject("latency_us", "must be above 0");
  }
}

}  // namespace

std::string_view name_of(TrialStatus status) {
  switch (status) {
    case TrialStatus::ok:
      return "ok";
    case TrialStatus::out_of_resources:
      return "out_of_resources";
    case TrialStatus::compile_error:
      return "compile_error";
    case TrialStatus::compiler_crash:
      return "compiler_crash";
    case TrialStatus::compile_timeout:
      return "compile_timeout";
    case TrialStatus::launch_error:
      return "launch_error";
    case TrialStatus::measure_timeout:
      return "measure_timeout";
    case TrialStatus::wrong_result:
      return "wrong_result";
  }
  return "ok";
}

const std::vector<TrialStatus>& all_trial_statuses() {
  static const std::vector<TrialStatus> statuses = {TrialStatus::ok,
                                                    TrialStatus::out_of_resources,
                                                    TrialStatus::compile_error,
                                                    TrialStatus::compiler_crash,
                                                    TrialStatus::compile_timeout,
                                                    TrialStatus::launch_error,
                                                    TrialStatus::measure_timeout,
                                                    TrialStatus::wrong_result};
  return statuses;
}

Result<TrialStatus> trial_status_from_name(std::string_view name) {
  std::string names;
  for (const TrialStatus status : all_trial_statuses()) {
    if (name == name_of(status)) return status;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name_of(status));
  }
  return fail(ErrorCode::invalid_argument, fmt::format("status \"{}\" is not known; use one of: {}", name, names));
}

nlohmann::ordered_json to_json(const Trial& trial) {
  nlohmann::ordered_json object;
  const Group& group = trial.group;
  object["device"] = group.device;
  object["arch"] = trial.arch;
  write_problem(group.problem, object);
  object["batch"] = trial.batch;
  object["config"] = to_json(trial.config);
  object["kernel"] = group.kernel;
  object["kernel_digest"] = group.kernel_digest;
  object["compiler"] = group.compiler;
  object["status"] = name_of(trial.status);
  object["latency_us"] = nullptr;
  if (trial.latency_us) object["latency_us"] = *trial.latency_us;
  object["samples_us"] = trial.samples_us;
  object["l2"] = name_of(group.l2);
  object["routing"] = group.routing;
  object["origin"] = name_of(group.origin);
  object["measured_at"] = to_text(trial.measured_at);
  if (!trial.rounds.empty()) object["rounds"] = trial.rounds;
  write_if(object, "rounds_of", trial.rounds_of);
  if (!trial.stages_us.empty()) object["stages_us"] = trial.stages_us;
  write_if(object, "gpu_uuid", trial.gpu_uuid);
  write_if(object, "driver", trial.driver);
  write_if(object, "sm_clock_mhz", trial.sm_clock_mhz);
  write_if(object, "throttle", trial.throttle);
  write_if(object, "tool_version", trial.tool_version);
  write_if(object, "log_tail", trial.log_tail);
  write_if(object, "sweep", trial.sweep);
  return object;
}

Result<Trial> trial_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "trial");
  Trial trial;
  trial.group = read_group(reader);
  trial.arch = read_name(reader, "arch");
  trial.batch = reader.integer("batch", 1, k_max_batch);
  if (const auto* config = reader.required_raw("config")) {
    trial.config = adopt_or(reader, tile_config_from_json(*config), TileConfig{});
  }
  trial.status = adopt_or(reader, trial_status_from_name(reader.text("status")), TrialStatus::ok);
  trial.latency_us = reader.nullable_number("latency_us", k_min_us, k_max_us);
  reader.required_raw("samples_us");
  reader.refuse_null({"samples_us"});
  trial.samples_us =
      reader.optional_numbers("samples_us", k_min_us, k_max_us, k_max_samples).value_or(std::vector<double>{});
  trial.measured_at = read_measured_at(reader);
  read_rounds(reader, trial);
  trial.stages_us = read_stages(reader);
  trial.gpu_uuid = reader.optional_text("gpu_uuid");
  trial.driver = reader.optional_text("driver");
  trial.sm_clock_mhz = reader.optional_integer("sm_clock_mhz", 0, 100'000);
  trial.throttle = reader.optional_text("throttle");
  trial.tool_version = reader.optional_text("tool_version");
  trial.log_tail = reader.optional_text("log_tail", k_max_log_tail);
  trial.sweep = reader.optional_text("sweep", k_max_label);
  check_latency(reader, trial);
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return trial;
}

Result<Trial> trial_from_line(std::string_view line) {
  auto value = parse_json(line, "trial");
  if (!value) return std::unexpected(value.error());
  return trial_from_json(*value);
}

double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  if (samples.size() % 2 == 1) return *middle;
  return (*std::max_element(samples.begin(), middle) + *middle) / 2;
}

double interquartile_range(std::vector<double> samples) {
  if (samples.size() < 2) return 0;
  std::ranges::sort(samples);
  const auto quantile = [&](double share) {
    const double place = share * static_cast<double>(samples.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, samples.size() - 1);
    return samples[below] + (samples[above] - samples[below]) * (place - static_cast<double>(below));
  };
  return quantile(0.75) - quantile(0.25);
}

}  // namespace moetune::schema
