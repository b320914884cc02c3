#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/commands/compared_sweep.hpp"
#include "cli/commands/follow.hpp"
#include "cli/commands/model_flags.hpp"
#include "cli/commands/problem_flags.hpp"
#include "cli/commands/sweep_batch.hpp"
#include "cli/commands/sweep_flags.hpp"
#include "cli/commands/tune_warning.hpp"
#include "cli/compared_file.hpp"
#include "cli/file_verdict_report.hpp"
#include "cli/group_flags.hpp"
#include "cli/text.hpp"
#include "schema/batch_limit.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::int64_t k_usual_max_batch = 8192;

constexpr const char* k_examples =
    "  moetune compare 'E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json' "
    "--model Qwen/Qwen3.5-35B-A3B-FP8\n"
    "  moetune compare before/E=8,N=14336,device_name=NVIDIA_L20.json after/E=8,N=14336,device_name=NVIDIA_L20.json "
    "--hidden-size 4096 --topk 2\n"
    "Exit status 1: a file is slower than the default somewhere beyond noise, or a row of it fails.";

struct CompareFlags {
  std::vector<std::string> paths;
  std::string batch;
  std::string max_batch;
  std::string rounds;
  std::string level;
  std::string min_gain;
  std::string sweep_id;
  ModelFlags model;
  ProblemFlags problem;
  SweepFlags sweep;
};

/// The field "rounds" of the sweep.
Result<ordered_json> rounds_of(const CompareFlags& flags) {
  ordered_json rounds = ordered_json::object();
  if (!flags.rounds.empty()) {
    const auto list = number_list("--rounds", flags.rounds);
    if (!list) return std::unexpected(list.error());
    if (list->size() > 2) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--rounds must be LEAST or LEAST,MOST, not \"{}\"", printable(flags.rounds)));
    }
    rounds["least"] = list->front();
    rounds["most"] = list->back();
  }
  for (const auto& [flag, field, text] :
       {std::tuple("--level", "level", flags.level), std::tuple("--min-gain", "min_gain", flags.min_gain)}) {
    if (text.empty()) continue;
    const auto value = share_of_percent(flag, text);
    if (!value) return std::unexpected(value.error());
    rounds[field] = *value;
    const auto checked =
        schema::rounds_from_json(nlohmann::json{{field, rounds[field]}, {"least", schema::k_max_rounds}});
    if (checked) continue;
    return fail(ErrorCode::invalid_argument, fmt::format("{} {}: {}, in percent", flag, text, checked.error().message));
  }
  const auto checked = schema::rounds_from_json(nlohmann::json(rounds));
  if (!checked) return fail(checked.error().code, in_terms_of_flags(checked.error().message));
  return rounds;
}

Result<std::vector<std::int64_t>> batches_of(const CompareFlags& flags, const std::vector<ComparedFile>& files) {
  std::int64_t max_batch = k_usual_max_batch;
  if (!flags.max_batch.empty()) {
    const auto given = schema::integer_from_text("--max-batch", flags.max_batch, 1, schema::k_max_batch);
    if (!given) return std::unexpected(given.error());
    max_batch = *given;
  }
  if (flags.batch.empty()) {
    auto telling = telling_batches_of(files, max_batch);
    if (telling.size() <= schema::k_most_batches) return telling;
    return fail(ErrorCode::invalid_argument,
                fmt::format("the files' keys make {} batch sizes, and {} can be compared: choose some with --batch",
                            telling.size(), schema::k_most_batches));
  }
  std::vector<std::int64_t> batches;
  for (const auto& part : split(flags.batch, ',')) {
    const auto batch = schema::integer_from_text("--batch", part, 1, schema::k_max_batch);
    if (!batch) return std::unexpected(batch.error());
    batches.push_back(*batch);
  }
  std::ranges::sort(batches);
  if (const auto twice = std::ranges::adjacent_find(batches); twice != batches.end()) {
    return fail(ErrorCode::invalid_argument, fmt::format("--batch lists {} twice", *twice));
  }
  return batches;
}

void print_verdicts(Context& context, const ordered_json& comparison, const std::vector<FileVerdict>& verdicts) {
  const Paint paint(context.out_traits.color);
  const auto rounds = comparison.value("rounds", ordered_json::object());
  context.say(
      fmt::format("sweep {}: medians of rounds in turns; intervals of {:.4g} %, differences below {:.3g} % "
                  "are none",
                  comparison.value("sweep", std::int64_t{0}), 100 * rounds.value("level", 0.0),
                  100 * rounds.value("min_gain", 0.0)));
  for (const FileVerdict& verdict : verdicts) {
    context.out.line(fmt::format("\n{}", paint(Tone::strong, printable(verdict.path))));
    context.print(verdict_table(verdict, &verdict == &verdicts.front()));
    const auto lines = verdict_lines(verdict);
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) context.say(lines[i]);
    context.say(lines.back(), verdict.is_good() ? Tone::good : Tone::bad);
  }
}

/// What keeps the verdicts from being about the engine on the file's device.
void note_conditions(Context& context, const ordered_json& comparison, const schema::LoggedFile& file) {
  const auto group = comparison.value("group", ordered_json());
  if (!group.is_object()) return;
  const std::string device = group.value("device", "");
  if (!is_device(file.name.device, device)) {
    context.note(fmt::format("warning: the times are of {}, and the file is for {}, of which they say nothing",
                             printable(device), printable(file.name.device)),
                 Tone::warning);
  }
  const std::string kernel = group.value("kernel", "");
  if (kernel != schema::name_of(file.engine)) {
    context.note(fmt::format("measured with the kernel {}: the file steers {}'s own, of which this says little",
                             printable(kernel), schema::name_of(file.engine)));
  }
}

Result<ExitStatus> report(Context& context, const Client& client, const ComparedSweep& sweep,
                          const std::vector<ComparedFile>& files) {
  const auto comparison = client.get(fmt::format("/sweeps/{}/comparison", sweep.id));
  if (!comparison) return std::unexpected(comparison.error());
  const auto verdicts = verdicts_of(files, sweep.problem, *comparison, sweep.known);
  if (!verdicts) return std::unexpected(verdicts.error());
  note_conditions(context, *comparison, files.front().file);
  if (context.options.json) {
    ordered_json list = ordered_json::array();
    for (const FileVerdict& verdict : *verdicts) list.push_back(to_json(verdict));
    context.print(ordered_json{{"sweep", sweep.id},
                               {"state", comparison->value("state", "")},
                               {"group", comparison->value("group", ordered_json())},
                               {"rounds", comparison->value("rounds", ordered_json())},
                               {"files", std::move(list)}});
  } else {
    print_verdicts(context, *comparison, *verdicts);
  }
  const bool all_good = std::ranges::all_of(*verdicts, &FileVerdict::is_good);
  return all_good ? ExitStatus::done : ExitStatus::failed;
}

std::string words_again(const CompareFlags& flags, std::int64_t id) {
  std::string words = "compare";
  for (const std::string& path : flags.paths) words += " " + shell_word(path);
  return fmt::format("{} --sweep {}", words, id);
}

Result<ComparedSweep> sweep_of(Context& context, const CompareFlags& flags, const std::vector<ComparedFile>& files) {
  const auto rounds = rounds_of(flags);
  if (!rounds) return std::unexpected(rounds.error());
  const auto batches = batches_of(flags, files);
  if (!batches) return std::unexpected(batches.error());
  if (auto checked = flags.model.check(); !checked) return std::unexpected(checked.error());
  const auto variants = flags.sweep.variants();
  if (!variants) return std::unexpected(variants.error());
  if (variants->size() > 1) {
    return fail(ErrorCode::invalid_argument,
                "--routing, --l2: files are compared under one of each, not under several");
  }
  if (!flags.sweep_id.empty()) {
    const auto id = sweep_id(flags.sweep_id);
    if (!id) return fail(id.error().code, fmt::format("--sweep: {}", id.error().message));
    const auto client = context.connector.connect(k_idle_after_tune);
    if (!client) return std::unexpected(client.error());
    return take_up_compared_sweep(*client, *id, files);
  }
  auto request = problem_of_file(context, files.front().file, flags.model, flags.problem, flags.sweep);
  if (!request) return std::unexpected(request.error());
  if (auto put = flags.sweep.put(request->spec); !put) return std::unexpected(put.error());
  request->spec.update(variants->front().fields);
  const auto client = context.connector.connect(k_idle_after_tune);
  if (!client) return std::unexpected(client.error());
  return create_compared_sweep(context, *client, files, std::move(*request), *batches, *rounds,
                               flags.sweep.recording());
}

Result<ExitStatus> compare(Context& context, const CompareFlags& flags) {
  const auto files = read_compared_files(flags.paths, flags.sweep.kernel());
  if (!files) return std::unexpected(files.error());
  const auto sweep = sweep_of(context, flags, *files);
  if (!sweep) return std::unexpected(sweep.error());
  auto client = context.connector.connect(k_idle_after_tune);
  if (!client) return std::unexpected(client.error());
  const auto followed = follow(context, std::move(*client), sweep->id);
  if (!followed) return std::unexpected(followed.error());
  if (followed->detached) {
    context.err.line(fmt::format("  verdict: {}", context.command_line(words_again(flags, sweep->id))));
    return followed->status;
  }
  if (followed->status != ExitStatus::done) {
    print_report(context, *followed);
    return followed->status;
  }
  return report(context, followed->client, *sweep, *files);
}

}  // namespace

void add_compare(CommandLine& line) {
  const auto flags = std::make_shared<CompareFlags>();
  CLI::App& command =
      add_command(line, line.app, "compare",
                  "Measure engine configuration files against the default and the best known, interleaved", k_examples,
                  [flags](Context& context) { return compare(context, *flags); });
  command
      .add_option("FILE", flags->paths, "engine files under their names; several of one problem are compared together")
      ->required();
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)->type_name(type)->group("Comparison");
  };
  text("--batch", flags->batch, "M,M,..",
       "numbers of tokens (default: the files' keys, between, below and above them)");
  text("--max-batch", flags->max_batch, "M", "the largest number of tokens when --batch is left out (default: 8192)");
  text("--rounds", flags->rounds, "LEAST,MOST", "rounds of each candidate: LEAST, MOST where unclear (default: 10,20)");
  text("--level", flags->level, "PERCENT", "confidence of the intervals (default: 99)");
  text("--min-gain", flags->min_gain, "PERCENT", "a smaller estimated difference is none (default: 1)");
  text("--sweep", flags->sweep_id, "ID", "show, or follow, what an earlier compare of these files measures");
  flags->model.add_to(command, ModelFlags::Model::optional);
  flags->problem.add_to(command);
  flags->sweep.add_measuring_to(command, "vllm, sglang, builtin, NAME.py or cuda (default: the engine of the file)");
}

}  // namespace moetune::cli
