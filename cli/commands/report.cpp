#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "cli/atomic_file.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/model_flags.hpp"
#include "cli/report/chart.hpp"
#include "cli/report/evidence.hpp"
#include "cli/report/markdown.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::EngineFormat;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct ReportFlags {
  GroupFlags group;
  ModelFlags model;
  std::string format = "vllm";
  std::string output = "-";
  std::string plot;
  CLI::Option* plot_option = nullptr;
  std::vector<std::string> serve;
  bool allow_recorded = false;
  KernelShare share;

  bool plots() const { return plot_option->count() > 0; }
};

/// The flags that name the group's problem and kernel, as a command line has them.
std::string shape_words(const Evidence& evidence) {
  // What stands in a command only where it is another: the value that tune and export have without it.
  const std::map<std::string, nlohmann::json> usual = {
      {"dtype", nullptr}, {"act_dtype", "bfloat16"},    {"block_shape", nullptr},
      {"gated", true},    {"per_channel_quant", false}, {"router_weight_on_input", false},
      {"l2", "cold"},     {"routing", "uniform"}};
  std::vector<std::string> words;
  for (const char* field : {"E", "N", "hidden_size", "topk", "dtype", "act_dtype", "block_shape", "gated",
                            "per_channel_quant", "router_weight_on_input", "l2", "routing", "kernel"}) {
    const auto found = evidence.group.find(field);
    const auto as_always = usual.find(field);
    if (found == evidence.group.end() || (as_always != usual.end() && *found == as_always->second)) continue;
    for (auto& word : flag_of(field, *found)) words.push_back(std::move(word));
  }
  return fmt::format("{}", fmt::join(words, " "));
}

/// What the flags bring along, read before the daemon is asked for anything.
struct Inputs {
  EngineFormat engine = EngineFormat::vllm;
  std::vector<schema::ModelShape> shapes;
  std::optional<ServeComparison> serve;
};

Result<Inputs> read_inputs(Context& context, const ReportFlags& flags) {
  if (auto right = flags.group.query(); !right) return std::unexpected(right.error());
  if (auto right = flags.model.check(); !right) return std::unexpected(right.error());
  Query share;
  if (auto right = flags.share.put(share); !right) return std::unexpected(right.error());
  const auto engine = schema::engine_format_from_name(flags.format);
  if (!engine) {
    return fail(ErrorCode::invalid_argument, fmt::format("--format must be vllm or sglang, not \"{}\"", flags.format));
  }
  Inputs inputs;
  inputs.engine = *engine;
  if (auto drawable = check_picture(flags.plot); flags.plots() && !drawable) return std::unexpected(drawable.error());
  if (flags.model.given()) {
    auto shapes = flags.model.shapes(context);
    if (!shapes) return std::unexpected(shapes.error());
    inputs.shapes = std::move(*shapes);
  }
  if (!flags.serve.empty()) {
    auto comparison = compare_serve_files(flags.serve);
    if (!comparison) return std::unexpected(comparison.error());
    inputs.serve = std::move(*comparison);
  }
  return inputs;
}

/// What a reader elsewhere knows the model by: of a local path only its last part.
std::string name_of_model(const std::string& given) {
  std::error_code ignored;
  if (!std::filesystem::exists(given, ignored)) return given;
  auto path = std::filesystem::weakly_canonical(given, ignored);
  if (path.filename() == "config.json") path = path.parent_path();
  return path.filename().string();
}

/// The model's shapes whose file this is.
Result<std::vector<ServedModel>> models_of(const Inputs& inputs, const ReportFlags& flags, const Evidence& evidence) {
  std::vector<ServedModel> served;
  for (const auto& shape : inputs.shapes) {
    const auto names = file_names(evidence.engine, evidence.field("device").value_or(""), shape);
    if (names && !names->empty() && names->front() == evidence.file)
      served.push_back({name_of_model(flags.model.name()), shape});
  }
  if (!served.empty() || inputs.shapes.empty()) return served;
  return fail(ErrorCode::invalid_argument,
              fmt::format("--model: no layer of {} reads {} at this parallelism: check --tp and --ep (moetune shapes)",
                          printable(flags.model.name()), evidence.file));
}

Result<ReportParts> parts_of(const Inputs& inputs, const ReportFlags& flags, const Evidence& evidence) {
  ReportParts parts;
  auto models = models_of(inputs, flags, evidence);
  if (!models) return std::unexpected(models.error());
  parts.models = std::move(*models);
  parts.serve = inputs.serve;
  if (flags.plots()) parts.plot = std::filesystem::path(flags.plot).filename().string();
  const std::string shape = shape_words(evidence);
  parts.tune_command = "moetune tune " + shape;
  parts.export_command =
      fmt::format("moetune export {}{}{}", shape, evidence.engine == EngineFormat::sglang ? " --format sglang" : "",
                  evidence.is_recorded() ? " --allow-recorded" : "");
  return parts;
}

Result<void> write(Context& context, const ReportFlags& flags, const std::vector<std::string>& lines) {
  const std::string text = fmt::format("{}\n", fmt::join(lines, "\n"));
  if (flags.output == "-") {
    context.out.write(text);
    return {};
  }
  auto file = AtomicFile::create(flags.output, Overwrite::yes);
  if (!file) return std::unexpected(file.error());
  auto done = file->write(text);
  if (done) done = file->commit();
  return done;
}

Result<ExitStatus> report(Context& context, const ReportFlags& flags) {
  const auto inputs = read_inputs(context, flags);
  if (!inputs) return std::unexpected(inputs.error());
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto evidence = gather(
      *client,
      {.group = flags.group, .engine = inputs->engine, .allow_recorded = flags.allow_recorded, .share = flags.share});
  if (!evidence) return std::unexpected(evidence.error());
  const auto parts = parts_of(*inputs, flags, *evidence);
  if (!parts) return std::unexpected(parts.error());
  auto done = flags.plots() ? draw_chart(*evidence, flags.plot) : Result<void>();
  if (done) done = write(context, flags, report_lines(*evidence, *parts));
  if (!done) return std::unexpected(done.error());
  // Beside a text on stdout, what was drawn is told apart from it.
  if (flags.plots() && flags.output == "-") context.err.line(fmt::format("drawn: {}", printable(flags.plot)));
  if (flags.output != "-") context.out.line(printable(flags.output));
  if (flags.plots() && flags.output != "-") context.out.line(printable(flags.plot));
  return ExitStatus::done;
}

}  // namespace

void add_report(CommandLine& line) {
  const auto flags = std::make_shared<ReportFlags>();
  CLI::App& command = add_command(
      line, line.app, "report", "Write the body of an upstream pull request for a file, from the database",
      "  moetune report -E 256 -N 512 --dtype fp8_w8a8 --block-shape 128,128 -o pull_request.md --plot speedup.svg\n"
      "  moetune report -E 256 -N 512 --serve before1.json before2.json after1.json after2.json\n"
      "The first line is the title. What only a person can add is a list of open boxes at the end. --serve takes "
      "results\n"
      "of vllm bench serve --save-result: the runs without the file, then as many with it, the same seeds.",
      [flags](Context& context) { return report(context, *flags); });
  flags->group.add_to(command, GroupFlags::Shape::required);
  flags->model.add_to(command, ModelFlags::Model::optional);
  command.add_option("--format", flags->format, "vllm (default) or sglang: whose file, and whose form")
      ->type_name("NAME");
  command.add_option("-o,--output", flags->output, "file to write, or - for stdout (default)")->type_name("FILE");
  flags->plot_option =
      command.add_option("--plot", flags->plot, "draw latency and speedup over M into this .svg or .png, with gnuplot")
          ->type_name("FILE");
  command.add_option("--serve", flags->serve, "results of vllm bench serve: the runs before, then as many after")
      ->type_name("FILE");
  flags->share.add_to(command);
  command.add_flag("--allow-recorded", flags->allow_recorded, "take rows that come from a recording");
}

}  // namespace moetune::cli
