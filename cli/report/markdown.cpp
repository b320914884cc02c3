#include "cli/report/markdown.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/text.hpp"
#include "schema/choice_rule.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::cli {
namespace {

using schema::EngineFormat;

/// Lines of Markdown; a heading stands free.
class Page {
 public:
  void line(std::string text) { lines_.push_back(std::move(text)); }
  void heading(const std::string& text) {
    if (!lines_.empty()) lines_.emplace_back();
    lines_.push_back(text);
    lines_.emplace_back();
  }
  void lines(const std::vector<std::string>& all) { lines_.insert(lines_.end(), all.begin(), all.end()); }
  void gap() { lines_.emplace_back(); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

std::string joined(const auto& values) {
  return values.empty() ? "not recorded" : fmt::format("{}", fmt::join(values, ", "));
}

std::string clock_text(const std::set<std::int64_t>& clocks) {
  if (clocks.empty()) return "not recorded";
  if (clocks.size() == 1) return fmt::format("{} MHz", *clocks.begin());
  return fmt::format("{} to {} MHz", *clocks.begin(), *clocks.rbegin());
}

std::string tile_text(const std::optional<schema::TileConfig>& config) {
  if (!config) return "-";
  const TileRows rows = tile_rows(config);
  return rows.down ? fmt::format("{} down {}", rows.tile, rows.down->substr(2)) : rows.tile;
}

/// What a person calls the GPU: "NVIDIA_H200" is "H200".
std::string short_device(std::string device) {
  for (const std::string prefix : {"NVIDIA_GeForce_", "NVIDIA_", "AMD_Instinct_"}) {
    if (device.starts_with(prefix)) return device.substr(prefix.size());
  }
  return device;
}

std::string title(const Evidence& evidence, const ReportParts& parts) {
  std::string text = fmt::format("{} Add {} tuned config for E={},N={}",
                                 evidence.engine == EngineFormat::vllm ? "[Kernel][MoE]" : "[MoE]",
                                 short_device(evidence.field("device").value_or("?")),
                                 evidence.field("E").value_or("?"), evidence.field("N").value_or("?"));
  if (const auto dtype = evidence.field("dtype")) text += fmt::format(", {}", *dtype);
  if (!parts.models.empty()) text += fmt::format(" ({})", parts.models.front().name);
  return text;
}

std::vector<std::string> files_of(const Evidence& evidence) {
  const std::string folder = evidence.engine == EngineFormat::vllm
                                 ? "vllm/model_executor/layers/fused_moe/configs/"
                                 : "python/sglang/srt/layers/moe/moe_runner/triton_utils/configs/";
  std::string version;
  if (evidence.engine == EngineFormat::sglang) {
    version = schema::triton_version_of(evidence.field("compiler").value_or("")).value_or("X.Y.Z");
    std::ranges::replace(version, '.', '_');
    version = fmt::format("triton_{}/", version);
  }
  std::vector<std::string> files = {folder + version + evidence.file};
  if (evidence.down_file) files.push_back(folder + version + *evidence.down_file);
  return files;
}

std::string arithmetic(const ServedModel& model, EngineFormat engine) {
  const auto& shape = model.shape;
  const auto problem = schema::named_problem(engine, shape.problem(engine));
  const bool experts = shape.parallelism.expert_parallel;
  return fmt::format("| {} | {} | {} | {}{} | {}{} | {} | {} |", printable(model.name), printable(shape.architecture),
                     shape.parallelism.tp, problem.num_experts, experts ? " (experts / tp)" : "",
                     problem.intermediate_size, experts ? "" : " (intermediate size / tp)", problem.hidden_size,
                     problem.topk);
}

/// What a problem has that the file's name does not carry: K and topk, and in what else it differs from the file's own.
std::string unnamed_facts(const nlohmann::ordered_json& problem, const nlohmann::ordered_json& own) {
  std::string facts = fmt::format("K={}, topk={}", problem.value("hidden_size", 0), problem.value("topk", 0));
  for (const char* name : {"act_dtype", "gated", "router_weight_on_input"}) {
    const auto found = problem.find(name);
    if (found == problem.end() || *found == own.value(name, nlohmann::ordered_json())) continue;
    facts += fmt::format(", {}={}", name, found->is_string() ? found->get<std::string>() : found->dump());
  }
  return printable(facts);
}

void add_models(Page& page, const Evidence& evidence, const ReportParts& parts) {
  if (!parts.models.empty()) {
    page.gap();
    page.line("| model | architecture | tp | E | N | K | topk |");
    page.line("|---|---|---:|---:|---:|---:|---:|");
    for (const ServedModel& model : parts.models) page.line(arithmetic(model, evidence.engine));
  }
  page.gap();
  page.line(fmt::format("The file was tuned for K={}, topk={}, which its name does not carry.",
                        evidence.field("hidden_size").value_or("?"), evidence.field("topk").value_or("?")));
  for (const auto& other : evidence.sharing) {
    page.line(fmt::format("- It is also read for {} ({} rows in this database): see `moetune export --merge`.",
                          unnamed_facts(other, evidence.group), other.value("rows", 0)));
  }
}

void add_commands(Page& page, const ReportParts& parts) {
  page.line("```sh");
  page.line(parts.tune_command);
  page.line(parts.export_command);
  page.line("```");
}

/// "99 %", or "95 or 99 %" where sweeps differ.
std::string percents(std::set<double> shares, double usual) {
  if (shares.empty()) shares = {usual};
  std::vector<std::string> texts;
  for (const double share : shares) texts.push_back(fmt::format("{:.4g}", 100 * share));
  return fmt::format("{} %", fmt::join(texts, " or "));
}

/// When a row is taken in the default's place.
std::string rule_text(const Evidence& evidence) {
  const schema::ChoiceRule usual;
  return fmt::format(
      "A row and the default take turns: a row is taken only where the {} interval of the ratio of their times leaves "
      "\"no difference\" out and the gain is {} or more; where they took no turns, the spread (interquartile range) of "
      "the samples stands for the interval.",
      percents(evidence.levels, usual.level), percents(evidence.least_gains, usual.min_gain));
}

void add_method(Page& page, const Evidence& evidence) {
  page.gap();
  page.line(fmt::format(
      "Measured: kernel `{}` (source digest {:.12}), both GEMMs of a layer, {} L2 ({}), routing {}, random non-zero "
      "values; CUDA graphs timed by events, the first replay dropped; the engine's default is a competitor at every M. "
      "{}",
      evidence.field("kernel").value_or("?"), evidence.field("kernel_digest").value_or("?"),
      evidence.field("l2").value_or("?"),
      evidence.field("l2") == "cold" ? "weights come from memory, as in a model of many layers" : "weights stay in it",
      evidence.field("routing").value_or("?"), rule_text(evidence)));
}

void add_environment(Page& page, const Evidence& evidence) {
  page.gap();
  page.line("| environment | |");
  page.line("|---|---|");
  const auto row = [&](const char* name, const std::string& value) {
    page.line(fmt::format("| {} | {} |", name, printable(value)));
  };
  row("GPU", fmt::format("{} ({})", evidence.field("device").value_or("?"), joined(evidence.archs)));
  row("driver", joined(evidence.drivers));
  row("compiler", evidence.field("compiler").value_or("?"));
  row("SM clock while measuring", clock_text(evidence.clocks_mhz));
  if (!evidence.throttle.empty()) row("throttled by", joined(evidence.throttle));
  row("moetune", joined(evidence.tool_versions));
  if (evidence.first_measured_at) {
    row("measured", fmt::format("{} to {}", to_text(*evidence.first_measured_at), to_text(*evidence.last_measured_at)));
  }
  row("sweeps", joined(evidence.sweeps));
}

/// A text that cannot end its cell.
std::string cell_text(const std::string& text) {
  std::string safe = printable(text);
  for (auto at = safe.find('|'); at != std::string::npos; at = safe.find('|', at + 2)) safe.insert(at, 1, '\\');
  return safe;
}

void add_table(Page& page, const Evidence& evidence) {
  page.line("| M | default | default µs | in the file | µs | speedup | spread | why |");
  page.line("|---:|---|---:|---|---:|---:|---:|---|");
  for (const auto& [batch, found] : evidence.batches) {
    const auto us = [](const std::optional<double>& value) { return value ? fmt::format("{:.2f}", *value) : "-"; };
    const auto speedup = found.best.chosen_speedup();
    page.line(fmt::format("| {} | {} | {} | {} | {} | {} | {:.2f} % | {} |", batch, tile_text(found.default_config),
                          us(found.best.default_latency_us),
                          found.best.keeps_default ? "the default" : tile_text(found.best.chosen),
                          us(found.best.chosen_latency_us), speedup ? fmt::format("{:.3f}x", *speedup) : "-",
                          100 * found.spread(), found.best.keeps_default ? "see below" : cell_text(found.best.reason)));
  }
}

void add_summary(Page& page, const Evidence& evidence) {
  double logs = 0, worst = 0, best = 0;
  std::int64_t worst_batch = 0, best_batch = 0;
  int count = 0;
  std::vector<std::string> kept, unknown;
  for (const auto& [batch, found] : evidence.batches) {
    const auto speedup = found.best.chosen_speedup();
    if (!speedup) {
      unknown.push_back(fmt::format("M={}: {}", batch, printable(found.best.reason)));
      continue;
    }
    logs += std::log(*speedup);
    if (count == 0 || *speedup < worst) worst = *speedup, worst_batch = batch;
    if (count == 0 || *speedup > best) best = *speedup, best_batch = batch;
    ++count;
    if (found.best.keeps_default) kept.push_back(fmt::format("M={}: {}", batch, printable(found.best.reason)));
  }
  page.gap();
  if (!evidence.verdict.empty()) page.line(fmt::format("Verdict: {}.\n", evidence.verdict));
  if (count > 0) {
    page.line(
        fmt::format("Geometric mean of the speedup over {} values of M: **{:.3f}x**; most {:.3f}x (M={}), least "
                    "{:.3f}x (M={}).",
                    count, std::exp(logs / count), best, best_batch, worst, worst_batch));
  }
  const auto list = [&](const std::string& heading, const std::vector<std::string>& items) {
    if (items.empty()) return;
    page.gap();
    page.line(heading);
    for (const auto& item : items) page.line("- " + item);
  };
  list("Rows kept at the default:", kept);
  list("Rows without a comparison with the default:", unknown);
}

void add_look_up(Page& page, const Evidence& evidence) {
  std::vector<std::int64_t> keys;
  for (const auto& [batch, unused] : evidence.batches) keys.push_back(batch);
  if (keys.empty()) return;
  page.gap();
  page.line(
      fmt::format("The engine takes the nearest key (of two equally near ones the smaller): M=1 to {} is covered by "
                  "{} keys, {}.",
                  keys.back(), keys.size(), joined(keys)));
  if (const auto gap = schema::untested_range(evidence.measured)) {
    page.line(fmt::format("Nothing was measured between {} and {}; there the file was not compared with the default.",
                          gap->low, gap->high));
  }
  for (const std::string& line : evidence.guarantee) page.line("- " + line);
}

void add_l2(Page& page, const Evidence& evidence) {
  if (!evidence.l2) return;
  const auto lines = markdown_of(*evidence.l2);
  if (lines.empty()) return;
  page.gap();
  page.lines(lines);
}

void add_picture(Page& page, const ReportParts& parts) {
  if (!parts.plot) return;
  page.gap();
  page.line(fmt::format("![latency and speedup over M]({})", *parts.plot));
}

void add_results(Page& page, const Evidence& evidence, const ReportParts& parts) {
  add_table(page, evidence);
  add_summary(page, evidence);
  add_look_up(page, evidence);
  add_l2(page, evidence);
  add_picture(page, parts);
  if (parts.serve) {
    page.gap();
    page.lines(markdown_of(*parts.serve));
  }
}

void add_boxes(Page& page, const Evidence& evidence, const ReportParts& parts) {
  const bool vllm = evidence.engine == EngineFormat::vllm;
  const auto box = [&](const std::string& text) { page.line("- [ ] " + text); };
  if (evidence.is_recorded()) {
    box("**These times were looked up in a recording and prove nothing about your machine: measure them.**");
  }
  for (const std::string& sweep : evidence.unfinished) {
    box(fmt::format("**Sweep {}: its rows are not all that it would have measured.**", sweep));
  }
  box(fmt::format("{} commit, PyTorch and CUDA versions (`{}`)", vllm ? "vLLM" : "SGLang",
                  vllm ? "vllm collect-env" : "python3 -m sglang.check_env"));
  box(vllm ? "the server's line `Using configuration from ... for MoE layer.`, from a start with this file in "
             "`VLLM_TUNED_CONFIG_FOLDER`"
           : "the server's line `Using MoE kernel config from ...`, from a start with this file in "
             "`SGLANG_MOE_CONFIG_DIR`");
  if (!parts.serve)
    box("`vllm bench serve` before and after, several seeds each (`moetune report --serve`): a faster kernel is not "
        "yet a faster server");
  if (parts.models.empty()) box("which models at which tensor parallelism read the file (`moetune report --model`)");
  box("accuracy before and after (`lm_eval`, e.g. gsm8k): a tile changes the order of additions");
  box("why this duplicates no open pull request (search the open ones for the file's name)");
  if (vllm) box("`Signed-off-by` in every commit (`git commit -s`)");
  box("a statement on the use of AI, where the project asks for one");
  if (parts.plot) box("the picture, dragged into the text: a local file name shows nothing there");
}

void add_files(Page& page, const Evidence& evidence) {
  for (const std::string& file : files_of(evidence)) page.line(fmt::format("- `{}`", file));
  if (evidence.engine == EngineFormat::sglang && evidence.down_file) {
    page.line("\nThe second file holds the tiles of GEMM 2 (down); both have the same BLOCK_SIZE_M at every key.");
  }
}

std::vector<std::string> for_vllm(const Evidence& evidence, const ReportParts& parts) {
  Page page;
  page.line(title(evidence, parts));
  page.heading("## Purpose");
  page.line("Adds a tuned configuration of the fused MoE kernel:");
  add_files(page, evidence);
  add_models(page, evidence, parts);
  page.heading("## Test Plan");
  add_commands(page, parts);
  add_method(page, evidence);
  add_environment(page, evidence);
  page.heading("## Test Result");
  add_results(page, evidence, parts);
  page.heading("## To be added by hand");
  add_boxes(page, evidence, parts);
  return page.take();
}

std::vector<std::string> for_sglang(const Evidence& evidence, const ReportParts& parts) {
  Page page;
  page.line(title(evidence, parts));
  page.heading("## Motivation");
  page.line("Without a file for this GPU and shape the fused MoE kernel runs with its default configuration.");
  add_models(page, evidence, parts);
  page.heading("## Modifications");
  page.line("Adds:");
  add_files(page, evidence);
  page.heading("## Accuracy Tests");
  page.line(
      "Every configuration's output was compared with a reference before it was timed. See below for what is open.");
  page.heading("## Speed Tests and Profiling");
  add_commands(page, parts);
  add_method(page, evidence);
  add_environment(page, evidence);
  page.gap();
  add_results(page, evidence, parts);
  page.heading("## Checklist");
  add_boxes(page, evidence, parts);
  return page.take();
}

}  // namespace

std::vector<std::string> report_lines(const Evidence& evidence, const ReportParts& parts) {
  return evidence.engine == EngineFormat::vllm ? for_vllm(evidence, parts) : for_sglang(evidence, parts);
}

}  // namespace moetune::cli
