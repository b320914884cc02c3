#include "cli/commands/tune_warning.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "cli/group_flags.hpp"
#include "cli/text.hpp"
#include "cli/warning_text.hpp"
#include "schema/device_name.hpp"
#include "schema/engine_file.hpp"
#include "schema/model_shape.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::LoggedFile;
using schema::Problem;
using schema::Result;

/// How messages speak of where the files' names come from.
struct Words {
  const char* flag;     ///< begins what is wrong with them
  const char* file;     ///< "the file that is missing"
  const char* machine;  ///< "the warning is from a machine with"
  const char* instead;  ///< what to leave out rather than flags that contradict a name
  const char* vain;     ///< "nothing to tune"
};
constexpr Words k_warning_words = {.flag = "--warning: ",
                                   .file = "the file that is missing",
                                   .machine = "the warning is from a machine with",
                                   .instead = ", or --warning",
                                   .vain = "nothing to tune"};
constexpr Words k_file_words = {
    .flag = "", .file = "the file", .machine = "the file is for", .instead = "", .vain = "nothing to measure"};

/// One file with what is known of its problem.
struct Target {
  LoggedFile file;
  ordered_json spec;  ///< fields of POST /sweeps
};

/// The fields of a problem that the name tells. Errors: invalid_argument when moetune does not know its dtype.
Result<ordered_json> spec_of(const LoggedFile& file) {
  const auto problem = schema::problem_of(file.name);
  if (!problem) return std::unexpected(problem.error());
  ordered_json spec = {{"E", problem->num_experts}, {"N", problem->intermediate_size}};
  if (problem->dtype != schema::Dtype::none) spec["dtype"] = schema::name_of(problem->dtype);
  if (problem->block_shape) spec["block_shape"] = {problem->block_shape->n, problem->block_shape->k};
  if (problem->per_channel_quant) spec["per_channel_quant"] = true;
  return spec;
}

/// The name of the file in which the engine looks for this problem; empty when there is none.
std::string name_for(const LoggedFile& file, const Problem& problem) {
  return schema::engine_file_name(file.engine, file.name.device, problem, file.name.gemm).value_or("");
}

/// The problem in fields of a spec or of GET /problems, whatever else stands there.
std::optional<Problem> problem_in(const ordered_json& fields) {
  const nlohmann::json value = fields;
  schema::ObjectReader reader(value, "problem");
  const Problem problem = schema::read_problem(reader, schema::Absent::none);
  if (!reader.ok()) return std::nullopt;
  return problem;
}

std::vector<LoggedFile> chosen(const std::vector<LoggedFile>& files, const ordered_json& flags) {
  std::vector<LoggedFile> left;
  for (const LoggedFile& file : files) {
    if (flags.value("E", file.name.num_experts) != file.name.num_experts) continue;
    if (flags.value("N", file.name.intermediate_size) != file.name.intermediate_size) continue;
    left.push_back(file);
  }
  return left;
}

/// The files as problems, without those whose dtype moetune does not know.
Result<std::vector<Target>> targets_of(Context& context, const Words& words, const std::vector<LoggedFile>& files,
                                       const ordered_json& flags) {
  const auto wanted = chosen(files, flags);
  if (wanted.empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}{} is not one for that -E and -N, but {}", words.flag, words.file, files[0].text));
  }
  std::vector<Target> targets;
  std::string why;
  for (const LoggedFile& file : wanted) {
    auto spec = spec_of(file);
    if (spec) {
      targets.push_back({file, std::move(*spec)});
      continue;
    }
    why = fmt::format("{}: {}", file.text, spec.error().message);
    if (wanted.size() > 1) context.err.line(fmt::format("left out: {}", printable(why)));
  }
  if (targets.empty()) return fail(ErrorCode::not_found, fmt::format("{}: {}", words.vain, why));
  return targets;
}

struct Gpu {
  std::int64_t index = 0;
  std::string name;      ///< as vLLM spells it
  std::string raw_name;  ///< the driver's, with underscores as SGLang has it
};

Result<std::vector<Gpu>> gpus_of(const Client& client) {
  const auto answer = client.get("/doctor");
  if (!answer) return std::unexpected(answer.error());
  std::vector<Gpu> gpus;
  if (!answer->is_object()) return gpus;
  for (const auto& fields : answer->value("gpus", ordered_json::array())) {
    if (!fields.is_object()) continue;
    Gpu gpu{fields.value("index", std::int64_t{0}), fields.value("name", ""), fields.value("raw_name", "")};
    std::ranges::replace(gpu.raw_name, ' ', '_');
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

/// Keeps the files that can be measured on the GPUs here (of `wanted`, where that is not empty), each on those of its
/// name. A machine without a GPU keeps all:
/// the daemon says what it lacks.
Result<void> keep_measurable(Context& context, const Words& words, const Client& client, const ordered_json& wanted,
                             std::vector<Target>& targets) {
  const auto gpus = gpus_of(client);
  if (!gpus) return std::unexpected(gpus.error());
  if (gpus->empty()) return {};
  std::vector<std::string> refusals;
  std::vector<Target> kept;
  for (Target& target : targets) {
    const auto& device = target.file.name.device;
    ordered_json indexes = ordered_json::array();
    bool all = true;
    for (const Gpu& gpu : *gpus) {
      if (!wanted.empty() && std::ranges::find(wanted, ordered_json(gpu.index)) == wanted.end()) continue;
      const auto spelt = schema::device_in_file_name(target.file.engine, gpu.name);
      // An older engine may print the name as the driver has it.
      const bool fits = device == gpu.name || device == gpu.raw_name || (spelt && device == *spelt);
      all = all && fits;
      if (fits) indexes.push_back(gpu.index);
    }
    if (indexes.empty()) {
      refusals.push_back(fmt::format("{} {}, here is {}: {} can only be measured there", words.machine, device,
                                     gpus->front().name, target.file.text));
      continue;
    }
    if (!all) target.spec["gpus"] = indexes;
    kept.push_back(std::move(target));
  }
  if (kept.empty()) return fail(ErrorCode::conflict, printable(refusals.front()));
  for (const auto& refusal : refusals) context.note(fmt::format("left out: {}", printable(refusal)));
  targets = std::move(kept);
  return {};
}

/// Fields of a problem that names leave open, always or for one of the engines.
constexpr std::array k_open_fields = {
    "hidden_size", "topk", "act_dtype", "block_shape", "gated", "per_channel_quant", "router_weight_on_input"};

/// What is to be added to the name's fields, as the flags that add it: what is not the default, and `also`.
std::string as_flags(const ordered_json& known, const ordered_json& told, const std::vector<std::string>& also) {
  ordered_json fields;
  ordered_json defaults;
  schema::write_problem(Problem(), defaults);
  for (const char* field : k_open_fields) {
    if (!known.contains(field) || told.contains(field)) continue;
    const bool is_wanted = std::ranges::find(also, field) != also.end();
    if (is_wanted || known[field] != defaults[field]) fields[field] = known[field];
  }
  return fmt::format("{}", fmt::join(flags_of(fields), " "));
}

/// The known problems whose file this is and that the flags do not contradict.
std::vector<ordered_json> fitting(const ordered_json& problems, const LoggedFile& file, const ordered_json& told) {
  std::vector<ordered_json> found;
  const auto own = schema::problem_of(file.name);
  for (const auto& item : problems) {
    const auto problem = problem_in(item);
    if (!own || !problem || name_for(file, *problem) != name_for(file, *own)) continue;
    bool agrees = true;
    for (const char* field : k_open_fields) {
      agrees = agrees && (!told.contains(field) || told[field] == item.value(field, ordered_json()));
    }
    if (agrees) found.push_back(item);
  }
  return found;
}

std::unexpected<schema::Error> unknown(const ordered_json& problems, const Target& target) {
  std::string message = fmt::format(
      "--hidden-size and --topk are needed, or --model, whose config.json tells them: {} does not", target.file.text);
  std::vector<std::string> hints;
  for (const auto& item : problems) {
    if (!problem_in(item) || item.value("E", ordered_json()) != target.spec["E"]) continue;
    auto hint = fmt::format("--hidden-size {} --topk {}", item.value("hidden_size", ordered_json()).dump(),
                            item.value("topk", ordered_json()).dump());
    if (std::ranges::find(hints, hint) == hints.end()) hints.push_back(std::move(hint));
  }
  constexpr std::size_t k_most = 8;
  if (hints.empty() || hints.size() > k_most) return fail(ErrorCode::invalid_argument, message);
  return fail(ErrorCode::invalid_argument, fmt::format("{}\nknown problems with {} experts have:\n  {}", message,
                                                       target.spec["E"].dump(), fmt::join(hints, "\n  ")));
}

std::unexpected<schema::Error> ambiguous(const std::vector<ordered_json>& known, const Target& target, bool is_alone) {
  std::string message =
      fmt::format("{} is the file of several known problems; add the flags of one of them:", target.file.text);
  const auto also = differing_fields(known);
  for (const auto& item : known) {
    const std::string which =
        is_alone ? "" : fmt::format("-E {} -N {} ", target.spec["E"].dump(), target.spec["N"].dump());
    message += fmt::format("\n  {}{}", which, as_flags(item, target.spec, also));
  }
  return fail(ErrorCode::invalid_argument, message);
}

void adopt(Target& target, const ordered_json& known) {
  for (const char* field : k_open_fields) {
    if (!target.spec.contains(field) && known.contains(field)) target.spec[field] = known[field];
  }
}

/// Completes a problem from what the database knows.
Result<void> complete(Context& context, const ordered_json& problems, Target& target, bool is_alone) {
  const auto known = fitting(problems, target.file, target.spec);
  if (known.empty()) return unknown(problems, target);
  if (known.size() > 1) return ambiguous(known, target, is_alone);
  context.err.line(fmt::format("{}: as known from {} rows: {}", printable(target.file.text),
                               known[0].value("rows", ordered_json(0)).dump(), as_flags(known[0], target.spec, {})));
  adopt(target, known[0]);
  return {};
}

/// The model's problems whose file this may be. E and N of the name tell how the engine spread the model: experts over
/// ranks, or slices of each.
ordered_json problems_of(const std::vector<schema::ModelShape>& shapes, const LoggedFile& file) {
  const auto experts = file.name.num_experts;
  const auto size = file.name.intermediate_size;
  ordered_json problems = ordered_json::array();
  for (const schema::ModelShape& shape : shapes) {
    Problem problem = shape.problem(file.engine);
    const bool is_sliced = problem.num_experts == experts && problem.intermediate_size % size == 0;
    const bool is_spread = problem.intermediate_size == size && problem.num_experts % experts == 0;
    if (!is_sliced && !is_spread) continue;
    problem.num_experts = experts;
    problem.intermediate_size = size;
    ordered_json fields;
    schema::write_problem(problem, fields);
    if (std::ranges::find(problems, fields) == problems.end()) problems.push_back(std::move(fields));
  }
  return problems;
}

/// Completes the problems from the model, and leaves out the files that are none of its.
Result<void> complete_from_model(Context& context, const ModelFlags& model, std::vector<Target>& targets) {
  const auto shapes = model.shapes(context);
  if (!shapes) return std::unexpected(shapes.error());
  std::vector<Target> kept;
  std::vector<std::string> others;
  for (Target& target : targets) {
    const auto known = fitting(problems_of(*shapes, target.file), target.file, target.spec);
    if (known.empty()) {
      others.push_back(printable(target.file.text));
      continue;
    }
    if (known.size() > 1) return ambiguous(known, target, targets.size() == 1);
    adopt(target, known[0]);
    kept.push_back(std::move(target));
  }
  if (kept.empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--model: {} is no file of that model, however it is spread; it has: {}", others.front(),
                            short_text(shapes->front().problem(targets.front().file.engine))));
  }
  for (const auto& name : others) context.err.line(fmt::format("left out, no file of the model: {}", name));
  targets = std::move(kept);
  return {};
}

/// Flags may tell what the name leaves open, and nothing else than the name.
Result<void> apply_flags(const Words& words, const ProblemFlags& problem, const ordered_json& how, Target& target) {
  if (auto put = problem.put(target.spec); !put) return put;
  ordered_json whole = target.spec;
  for (const char* field : {"hidden_size", "topk"}) {
    if (!whole.contains(field)) whole[field] = 1;
  }
  const auto own = schema::problem_of(target.file.name);
  whole.update(how);
  if (auto checked = check_spec(whole); !checked) return checked;
  const auto told = problem_in(whole);
  const std::string name = name_for(target.file, *told);
  if (own && name == name_for(target.file, *own)) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("the flags make it {}, and {} is {}: leave out --dtype, --block-shape and "
                          "--per-channel-quant{}",
                          name, words.file, target.file.text, words.instead));
}

bool is_complete(const ordered_json& spec) {
  return spec.contains("hidden_size") && spec.contains("topk");
}

/// Fills in what names and flags leave open, and leaves out what cannot be measured here.
Result<void> complete_all(Context& context, const Words& words, const ordered_json& sweep,
                          std::vector<Target>& targets) {
  const bool needs_gpu = !sweep.contains("recording");
  const bool needs_rows = !std::ranges::all_of(targets, is_complete, &Target::spec);
  if (!needs_gpu && !needs_rows) return {};
  const auto client = context.connector.connect(k_idle_after_tune);
  if (!client) return std::unexpected(client.error());
  if (needs_gpu) {
    const auto wanted = sweep.value("gpus", ordered_json::array());
    if (auto kept = keep_measurable(context, words, *client, wanted, targets); !kept) return kept;
  }
  if (!needs_rows) return {};
  const auto problems = client->list("/problems");
  if (!problems) return std::unexpected(problems.error());
  for (Target& target : targets) {
    if (is_complete(target.spec)) continue;
    if (auto done = complete(context, *problems, target, targets.size() == 1); !done) return done;
  }
  return {};
}

/// `notes`: to be told once nothing is wrong with the flags.
Result<std::vector<SweepRequest>> requests_for(Context& context, const Words& words,
                                               const std::vector<LoggedFile>& files,
                                               const std::vector<std::string>& notes, const ModelFlags& model,
                                               const ProblemFlags& problem, const SweepFlags& sweep) {
  ordered_json flags = ordered_json::object();
  if (auto put = problem.put(flags); !put) return std::unexpected(put.error());
  ordered_json how = ordered_json::object();
  if (auto put = sweep.put(how); !put) return std::unexpected(put.error());
  auto targets = targets_of(context, words, files, flags);
  if (!targets) return std::unexpected(targets.error());
  for (Target& target : *targets) {
    if (auto applied = apply_flags(words, problem, how, target); !applied) return std::unexpected(applied.error());
  }
  for (const auto& note : notes) context.err.line(note);
  if (model.given()) {
    if (auto done = complete_from_model(context, model, *targets); !done) return std::unexpected(done.error());
  }
  if (auto done = complete_all(context, words, how, *targets); !done) return std::unexpected(done.error());
  std::vector<SweepRequest> requests;
  for (Target& target : *targets) {
    if (!how.contains("recording")) target.spec["kernel"] = schema::name_of(target.file.engine);
    requests.push_back({std::move(target.spec), printable(target.file.text), target.file});
  }
  return requests;
}

}  // namespace

Result<SweepRequest> problem_of_file(Context& context, const LoggedFile& file, const ModelFlags& model,
                                     const ProblemFlags& problem, const SweepFlags& sweep) {
  auto requests = requests_for(context, k_file_words, {file}, {}, model, problem, sweep);
  if (!requests) return std::unexpected(requests.error());
  return std::move(requests->front());
}

Result<std::vector<SweepRequest>> problems_in_warning(Context& context, const std::string& given,
                                                      const ModelFlags& model, const ProblemFlags& problem,
                                                      const SweepFlags& sweep) {
  const auto warning = read_warning(given);
  if (!warning) return std::unexpected(warning.error());
  const auto files = files_to_tune(*warning);
  if (!files) return std::unexpected(files.error());
  return requests_for(context, k_warning_words, *files, notes_on(*warning), model, problem, sweep);
}

}  // namespace moetune::cli
