#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/commands/model_flags.hpp"
#include "cli/text.hpp"
#include "schema/model_shape.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::EngineFormat;
using schema::ErrorCode;
using schema::fail;
using schema::ModelShape;
using schema::Problem;
using schema::Result;

constexpr std::size_t k_max_device_bytes = 128;

struct ShapesFlags {
  ModelFlags model;
  std::string device;
};

/// The names of the daemon's GPUs, each once.
Result<std::vector<std::string>> devices_of(const Client& client) {
  const auto answer = client.get("/doctor");
  if (!answer) return std::unexpected(answer.error());
  std::vector<std::string> names;
  for (const auto& gpu : answer->value("gpus", ordered_json::array())) {
    auto name = gpu.is_object() ? gpu.value("device", std::string()) : "";
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

/// The device whose files are named: --device, else the daemon's GPU. A file has no name without one, which is said.
std::optional<std::string> device_of(Context& context, const ShapesFlags& flags) {
  if (!flags.device.empty()) return flags.device;
  const auto client = context.daemon();
  const auto names = client ? devices_of(*client) : Result<std::vector<std::string>>(std::unexpected(client.error()));
  std::string why = "the daemon knows of no GPU";
  if (!names) {
    why = printable(names.error().message);
  } else if (names->size() == 1) {
    return names->front();
  } else if (names->size() > 1) {
    why = fmt::format("there are several: {}", fmt::join(*names, ", "));
  }
  context.err.line(fmt::format("note: file names need the GPU's name: --device NAME ({})", why));
  return std::nullopt;
}

std::string heading(const ModelShape& shape) {
  const Problem& problem = shape.vllm;
  std::string text = fmt::format(
      "{}: hidden size {}, {} experts per token, {}", printable(shape.architecture), problem.hidden_size, shape.topk,
      problem.dtype == schema::Dtype::none ? name_of(problem.act_dtype) : name_of(problem.dtype));
  if (problem.block_shape)
    text += fmt::format(", block shape [{}, {}]", problem.block_shape->n, problem.block_shape->k);
  if (problem.per_channel_quant) text += ", a scale a channel";
  if (!problem.gated) text += ", not gated";
  if (problem.router_weight_on_input) text += ", router weight on the input";
  return text;
}

Table table_of(const std::vector<ModelShape>& shapes) {
  using enum Align;
  Table table(
      {{"tp", right}, {"ep", left}, {"engine", left}, {"E", right}, {"N", right}, {"K", right}, {"topk", right}});
  for (const ModelShape& shape : shapes) {
    for (const auto engine : {EngineFormat::vllm, EngineFormat::sglang}) {
      const Problem named = schema::named_problem(engine, shape.problem(engine));
      table.add({std::to_string(shape.parallelism.tp), shape.parallelism.expert_parallel ? "yes" : "no",
                 std::string(name_of(engine)), std::to_string(named.num_experts),
                 std::to_string(named.intermediate_size), std::to_string(named.hidden_size),
                 std::to_string(named.topk)});
    }
  }
  return table;
}

/// The names of each engine, ready to be copied.
Result<void> print_names(Context& context, const std::vector<ModelShape>& shapes, const std::string& device) {
  for (const auto engine : {EngineFormat::vllm, EngineFormat::sglang}) {
    const bool is_vllm = engine == EngineFormat::vllm;
    context.out.line(is_vllm ? "\nvLLM looks for:" : "\nSGLang looks for (_down, for GEMM 2, may be missing):");
    std::vector<std::string> seen;
    for (const ModelShape& shape : shapes) {
      const auto names = file_names(engine, device, shape);
      if (!names) return std::unexpected(names.error());
      for (const std::string& name : *names) {
        if (std::ranges::find(seen, name) != seen.end()) continue;
        seen.push_back(name);
        context.out.line(name);
      }
    }
  }
  return {};
}

Result<void> print_for_people(Context& context, const std::vector<ModelShape>& shapes,
                              const std::optional<std::string>& device) {
  std::vector<std::string> seen;
  for (const ModelShape& shape : shapes) {
    const std::string text = heading(shape);
    if (std::ranges::find(seen, text) != seen.end()) continue;
    seen.push_back(text);
    const std::size_t columns = context.out_traits.interactive ? context.out_size().columns : 80;
    for (const auto& line : wrapped(split(text, ' '), " ", columns)) context.out.line(line);
  }
  context.out.line("");
  context.print(table_of(shapes));
  return device ? print_names(context, shapes, *device) : Result<void>();
}

Result<ordered_json> json_of(const std::vector<ModelShape>& shapes, const std::optional<std::string>& device) {
  ordered_json objects = ordered_json::array();
  for (const ModelShape& shape : shapes) {
    auto object = to_json(shape, device);
    if (!object) return std::unexpected(object.error());
    objects.push_back(std::move(*object));
  }
  return ordered_json{{"shapes", std::move(objects)}};
}

Result<ExitStatus> show_shapes(Context& context, const ShapesFlags& flags) {
  if (flags.device.size() > k_max_device_bytes)
    return fail(ErrorCode::invalid_argument, fmt::format("--device is {} bytes long, at most {} are allowed",
                                                         flags.device.size(), k_max_device_bytes));
  const auto shapes = flags.model.shapes(context);
  if (!shapes) return std::unexpected(shapes.error());
  const auto device = device_of(context, flags);
  const auto object = json_of(*shapes, device);
  if (!object) return fail(object.error().code, fmt::format("--device: {}", object.error().message));
  if (context.options.json) {
    context.print(*object);
  } else if (auto printed = print_for_people(context, *shapes, device); !printed) {
    return std::unexpected(printed.error());
  }
  return ExitStatus::done;
}

}  // namespace

void add_shapes(CommandLine& line) {
  const auto flags = std::make_shared<ShapesFlags>();
  CLI::App& command =
      add_command(line, line.app, "shapes", "Show what a model's experts need: shapes and file names of each engine",
                  "  moetune shapes --model Qwen/Qwen3-30B-A3B --tp 1,2,4\n"
                  "  moetune shapes --model ./config.json --tp 8 --ep --device NVIDIA_H200 --json",
                  [flags](Context& context) { return show_shapes(context, *flags); });
  flags->model.add_to(command, ModelFlags::Model::required);
  command.add_option("--device", flags->device, "GPU as the engines spell it (default: the daemon's)")
      ->type_name("NAME");
}

}  // namespace moetune::cli
