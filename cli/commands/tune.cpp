#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>

#include "cli/commands/command.hpp"
#include "cli/commands/follow.hpp"
#include "cli/text.hpp"
#include "schema/group.hpp"
#include "schema/strict_json.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::size_t k_max_space_bytes = 1 << 20;

constexpr const char* k_examples =
    "  moetune tune -E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 --block-shape 128,128\n"
    "  moetune tune -E 8 -N 14336 --hidden-size 4096 --topk 2 --batch 1,2,4,8 --detach\n"
    "Ctrl-C detaches: the sweep goes on, and `moetune sweep ID --follow` shows it again.";

/// What the command line gave; empty text means not given.
struct TuneFlags {
  std::string experts, intermediate, hidden_size, topk;
  std::string dtype, act_dtype, block_shape;
  std::string gated, per_channel_quant, router_weight_on_input;
  std::string batch, kernel, space, strategy, routing, l2, gpus, seed, recording;
  bool reuse = false;
  bool retry_failed = false;
  bool no_scan = false;
  bool compile = false;
  bool detach = false;
};

/// A number without the limits that the field has: those are the schema's to check.
Result<std::int64_t> whole_number(const std::string& flag, const std::string& text) {
  const auto number =
      schema::integer_from_text(flag, text, std::numeric_limits<std::int64_t>::min(), schema::ObjectReader::k_max);
  if (!number)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} must be a whole number, not \"{}\"", flag, printable(text)));
  return number;
}

Result<ordered_json> number_list(const std::string& flag, const std::string& text) {
  ordered_json numbers = ordered_json::array();
  for (const auto& part : split(text, ',')) {
    const auto number = whole_number(flag, part);
    if (!number) return std::unexpected(number.error());
    numbers.push_back(*number);
  }
  return numbers;
}

Result<ordered_json> space_of(const std::string& text) {
  if (!text.ends_with(".json") && text.find('/') == std::string::npos) return ordered_json(text);
  std::ifstream file(text, std::ios::binary);
  std::ostringstream bytes;
  if (!file || !(bytes << file.rdbuf())) {
    return fail(ErrorCode::invalid_argument, fmt::format("--space: cannot read {}", text));
  }
  if (bytes.view().size() > k_max_space_bytes) {
    return fail(ErrorCode::invalid_argument, fmt::format("--space: {} is larger than 1 MiB", text));
  }
  const auto value = schema::parse_json(bytes.str(), text);
  if (!value) return std::unexpected(value.error());
  if (!value->is_object())
    return fail(ErrorCode::invalid_argument, fmt::format("--space: {} must hold a JSON object", text));
  return ordered_json::parse(bytes.str());
}

/// A message about the field "sweep.hidden_size" in terms of the flag that the person gave.
std::string in_terms_of_flags(const std::string& message) {
  constexpr std::string_view k_start = "sweep.";
  for (const auto& [start, flag] :
       {std::pair{"dtype \"", "--dtype"}, {"act_dtype \"", "--act-dtype"}, {"l2 \"", "--l2"}}) {
    if (message.starts_with(start)) return fmt::format("{}: {}", flag, message);
  }
  if (!message.starts_with(k_start)) return message;
  const auto end = message.find_first_of(" .", k_start.size());
  std::string field = message.substr(k_start.size(), end - k_start.size());
  std::ranges::replace(field, '_', '-');
  const std::string flag = (field.size() == 1 ? "-" : "--") + field;
  return flag + (end == std::string::npos ? "" : message.substr(end));
}

Result<void> put_switches(const TuneFlags& flags, ordered_json& spec) {
  const std::pair<const char*, const std::string&> switches[] = {
      {"gated", flags.gated},
      {"per_channel_quant", flags.per_channel_quant},
      {"router_weight_on_input", flags.router_weight_on_input}};
  for (const auto& [field, text] : switches) {
    if (text.empty()) continue;
    const auto value = schema::boolean_from_text(field, text);
    if (!value)
      return fail(ErrorCode::invalid_argument, in_terms_of_flags(fmt::format("sweep.{}", value.error().message)));
    spec[field] = *value;
  }
  return {};
}

Result<void> put_shape(const TuneFlags& flags, ordered_json& spec) {
  const std::pair<const char*, const std::string&> required[] = {
      {"-E", flags.experts}, {"-N", flags.intermediate}, {"--hidden-size", flags.hidden_size}, {"--topk", flags.topk}};
  const char* fields[] = {"E", "N", "hidden_size", "topk"};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto number = whole_number(required[i].first, required[i].second);
    if (!number) return std::unexpected(number.error());
    spec[fields[i]] = *number;
  }
  if (!flags.dtype.empty() && flags.dtype != "none") spec["dtype"] = flags.dtype;
  if (!flags.act_dtype.empty()) spec["act_dtype"] = flags.act_dtype;
  if (!flags.block_shape.empty() && flags.block_shape != "none") {
    const auto shape = schema::block_shape_from_text(flags.block_shape);
    if (!shape) return fail(ErrorCode::invalid_argument, fmt::format("--block-shape: {}", shape.error().message));
    spec["block_shape"] = {shape->n, shape->k};
  }
  return put_switches(flags, spec);
}

Result<void> put_numbers(const TuneFlags& flags, ordered_json& spec) {
  if (!flags.batch.empty()) {
    auto batches = number_list("--batch", flags.batch);
    if (!batches) return std::unexpected(batches.error());
    spec["batch"] = std::move(*batches);
  }
  if (!flags.gpus.empty() && flags.gpus != "all") {
    auto gpus = number_list("--gpus", flags.gpus);
    if (!gpus) return std::unexpected(gpus.error());
    spec["gpus"] = std::move(*gpus);
  }
  if (!flags.seed.empty()) {
    const auto seed = whole_number("--seed", flags.seed);
    if (!seed) return std::unexpected(seed.error());
    spec["seed"] = *seed;
  }
  return {};
}

/// The body of POST /sweeps, only with what was given: the defaults are the daemon's.
Result<ordered_json> spec_of(const TuneFlags& flags) {
  ordered_json spec;
  if (auto put = put_shape(flags, spec); !put) return std::unexpected(put.error());
  if (auto put = put_numbers(flags, spec); !put) return std::unexpected(put.error());
  if (!flags.space.empty()) {
    auto space = space_of(flags.space);
    if (!space) return std::unexpected(space.error());
    spec["space"] = std::move(*space);
  }
  const std::pair<const char*, const std::string&> texts[] = {
      {"kernel", flags.kernel}, {"strategy", flags.strategy}, {"routing", flags.routing}, {"l2", flags.l2}};
  for (const auto& [field, value] : texts) {
    if (!value.empty()) spec[field] = value;
  }
  if (flags.reuse) spec["reuse"] = true;
  if (flags.retry_failed) spec["retry_failed"] = true;
  if (flags.no_scan) spec["scan"] = false;
  if (flags.compile) spec["compile"] = true;
  if (!flags.recording.empty()) spec["recording"] = "an upload";  // its id takes this place once it is uploaded
  const auto checked = schema::sweep_spec_from_json(nlohmann::json(spec));
  if (!checked) return fail(checked.error().code, in_terms_of_flags(checked.error().message));
  return spec;
}

Result<std::int64_t> id_in(const ordered_json& answer) {
  if (answer.is_object() && answer.contains("id") && answer["id"].is_number_integer())
    return answer["id"].get<std::int64_t>();
  return fail(ErrorCode::data_damaged, "the daemon took the sweep without telling its id; see moetune sweeps");
}

Result<std::int64_t> create(Context& context, const Client& client, const TuneFlags& flags, ordered_json spec) {
  if (!flags.recording.empty()) {
    const auto upload = client.post_file("/uploads", flags.recording, "application/octet-stream");
    if (!upload) return std::unexpected(upload.error());
    spec["recording"] = upload->value("id", ordered_json());
  }
  const auto answer = client.post("/sweeps", spec);
  if (!answer) return fail(answer.error().code, in_terms_of_flags(answer.error().message), answer.error().detail);
  const auto id = id_in(*answer);
  if (id) context.err.line(fmt::format("sweep {} at {}", *id, client.url()));
  return id;
}

Result<ExitStatus> tune(Context& context, const TuneFlags& flags) {
  std::error_code ignored;
  if (!flags.recording.empty() && !std::filesystem::exists(flags.recording, ignored)) {
    return fail(ErrorCode::invalid_argument, fmt::format("--recording: there is no file {}", flags.recording));
  }
  const auto spec = spec_of(flags);
  if (!spec) return std::unexpected(spec.error());
  auto client = context.connector.connect(k_idle_after_tune);
  if (!client) return std::unexpected(client.error());
  const auto id = create(context, *client, flags, *spec);
  if (!id) return std::unexpected(id.error());
  if (!flags.detach) return follow_and_report(context, std::move(*client), *id);
  if (context.options.json) {
    const auto answer = client->get(fmt::format("/sweeps/{}", *id));
    if (!answer) return std::unexpected(answer.error());
    context.print(*answer);
  } else {
    context.out.line(fmt::format("sweep {} is queued; follow it with: {}", *id,
                                 context.command_line(fmt::format("sweep {} --follow", *id))));
  }
  return ExitStatus::done;
}

}  // namespace

void add_tune(CommandLine& line) {
  const auto flags = std::make_shared<TuneFlags>();
  CLI::App& command = add_command(line, line.app, "tune", "Tune a problem: create a sweep and follow it to its end",
                                  k_examples, [flags](Context& context) { return tune(context, *flags); });
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type)->group("Sweep");
  };
  text("-E", flags->experts, "COUNT", "experts on one rank")->required()->group("Problem");
  text("-N", flags->intermediate, "SIZE", "intermediate size on one rank, after the activation")
      ->required()
      ->group("Problem");
  text("--hidden-size", flags->hidden_size, "SIZE", "hidden size of the model")->required()->group("Problem");
  text("--topk", flags->topk, "COUNT", "experts per token")->required()->group("Problem");
  text("--dtype", flags->dtype, "NAME", "quantisation as in the engines' file names, e.g. fp8_w8a8 (default: none)")
      ->group("Problem");
  text("--act-dtype", flags->act_dtype, "NAME", "bfloat16 (default) or float16")->group("Problem");
  text("--block-shape", flags->block_shape, "N,K", "quantisation block, e.g. 128,128")->group("Problem");
  text("--gated", flags->gated, "0|1", "whether the activation is gated (default: 1)")->group("Problem");
  text("--per-channel-quant", flags->per_channel_quant, "0|1", "whether weights are quantised per channel (default: 0)")
      ->group("Problem");
  text("--router-weight-on-input", flags->router_weight_on_input, "0|1",
       "whether GEMM 1 multiplies by the router's weights instead of GEMM 2 (default: 0)")
      ->group("Problem");
  text("--batch", flags->batch, "M,M,..", "numbers of tokens to tune for (default: the 18 of vLLM)");
  text("--kernel", flags->kernel, "NAME", "vllm, sglang, builtin, NAME.py or cuda (default)");
  text("--space", flags->space, "NAME|FILE.json", "candidates: vllm (default) or a space file");
  text("--strategy", flags->strategy, "NAME", "exhaustive (default)");
  text("--routing", flags->routing, "NAME", "routing of the tokens: uniform (default)");
  text("--l2", flags->l2, "cold|warm", "weights from memory, as in a model (default), or from L2");
  text("--gpus", flags->gpus, "all|0,1", "GPUs to measure on (default: all of one name)");
  text("--seed", flags->seed, "NUMBER", "seed of weights, activations and routing (default: 0)");
  text("--recording", flags->recording, "FILE", "take the times from a recording (.jsonl, .jsonl.zst), without a GPU");
  command.add_flag("--compile", flags->compile, "with --recording: really compile the kernels")->group("Sweep");
  command.add_flag("--reuse", flags->reuse, "take over finished rows of the same group")->group("Sweep");
  command.add_flag("--retry-failed", flags->retry_failed, "try again what failed before")->group("Sweep");
  command.add_flag("--no-scan", flags->no_scan, "measure every candidate on the unchanged Triton kernel")
      ->group("Sweep");
  command.add_flag("--detach", flags->detach, "return at once; the sweep goes on in the daemon")->group("Sweep");
}

}  // namespace moetune::cli
