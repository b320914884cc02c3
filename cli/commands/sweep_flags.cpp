#include "cli/commands/sweep_flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <tuple>

#include "cli/text.hpp"
#include "schema/group.hpp"
#include "schema/strict_json.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::size_t k_max_space_bytes = 1 << 20;

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

}  // namespace

Result<std::int64_t> whole_number(const std::string& flag, const std::string& text) {
  const auto number =
      schema::integer_from_text(flag, text, std::numeric_limits<std::int64_t>::min(), schema::ObjectReader::k_max);
  if (!number)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} must be a whole number, not \"{}\"", flag, printable(text)));
  return number;
}

Result<double> share_of_percent(const std::string& flag, const std::string& text) {
  constexpr double k_percent = 100;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value / k_percent;
  return fail(ErrorCode::invalid_argument, fmt::format("{} must be a number, not \"{}\"", flag, printable(text)));
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

std::string in_terms_of_flags(const std::string& message) {
  constexpr std::string_view k_start = "sweep.";
  for (const auto& [start, flag] :
       {std::pair{"dtype \"", "--dtype"}, {"act_dtype \"", "--act-dtype"}, {"l2 \"", "--l2"}}) {
    if (message.starts_with(start)) return fmt::format("{}: {}", flag, message);
  }
  if (message.starts_with("routing")) return fmt::format("--routing: {}", message);
  if (!message.starts_with(k_start)) return message;
  const auto end = message.find_first_of(" .", k_start.size());
  std::string field = message.substr(k_start.size(), end - k_start.size());
  std::ranges::replace(field, '_', '-');
  const std::string flag = (field.size() == 1 ? "-" : "--") + field;
  return flag + (end == std::string::npos ? "" : message.substr(end));
}

Result<void> SweepFlags::put_numbers(ordered_json& spec) const {
  if (!batch_.empty()) {
    auto batches = number_list("--batch", batch_);
    if (!batches) return std::unexpected(batches.error());
    spec["batch"] = std::move(*batches);
  }
  if (!gpus_.empty() && gpus_ != "all") {
    auto gpus = number_list("--gpus", gpus_);
    if (!gpus) return std::unexpected(gpus.error());
    spec["gpus"] = std::move(*gpus);
  }
  if (!seed_.empty()) {
    const auto seed = whole_number("--seed", seed_);
    if (!seed) return std::unexpected(seed.error());
    spec["seed"] = *seed;
  }
  for (const auto& [flag, field, text] :
       {std::tuple("--level", "level", &level_), std::tuple("--min-gain", "min_gain", &min_gain_)}) {
    if (text->empty()) continue;
    const auto share = share_of_percent(flag, *text);
    if (!share) return std::unexpected(share.error());
    spec[field] = *share;
  }
  return {};
}

Result<void> SweepFlags::put(ordered_json& spec) const {
  std::error_code ignored;
  if (!recording_.empty() && !std::filesystem::exists(recording_, ignored)) {
    return fail(ErrorCode::invalid_argument, fmt::format("--recording: there is no file {}", recording_));
  }
  if (auto put = put_numbers(spec); !put) return put;
  if (!space_.empty()) {
    auto space = space_of(space_);
    if (!space) return std::unexpected(space.error());
    spec["space"] = std::move(*space);
  }
  const std::pair<const char*, const std::string&> texts[] = {{"kernel", kernel_}, {"strategy", strategy_}};
  for (const auto& [field, value] : texts) {
    if (!value.empty()) spec[field] = value;
  }
  if (reuse_) spec["reuse"] = true;
  if (retry_failed_) spec["retry_failed"] = true;
  if (no_scan_) spec["scan"] = false;
  if (no_imported_) spec["imported"] = false;
  if (no_between_) spec["between"] = false;
  if (compile_) spec["compile"] = true;
  if (!recording_.empty()) spec["recording"] = "an upload";
  return {};
}

Result<std::vector<SweepVariant>> SweepFlags::variants() const {
  return sweep_variants(routing_, l2_);
}

void SweepFlags::add_to(CLI::App& command) {
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)->type_name(type)->group("Sweep");
  };
  const auto flag = [&](const char* name, bool& value, const char* help) {
    command.add_flag(name, value, help)->group("Sweep");
  };
  text("--batch", batch_, "M,M,..", "numbers of tokens to tune for (default: the 18 of vLLM)");
  text("--space", space_, "NAME|FILE.json", "candidates: vllm (default), wide, or a space file");
  text("--strategy", strategy_, "NAME",
       "race (default: a search finds what is worth measuring) or exhaustive (everything)");
  add_measuring_to(command,
                   "vllm, sglang, builtin, NAME.py or cuda (default; of a recording without it, the only one)");
  for (const char* name : {"--routing", "--l2"}) {
    CLI::Option* option = command.get_option(name);
    option->description(option->get_description() + "; several, separated by commas, make a sweep of each");
  }
  flag("--reuse", reuse_,
       "take over finished rows of the same group; beside something new its default is measured anew");
  flag("--no-scan", no_scan_, "measure every candidate on the unchanged Triton kernel");
  flag("--no-imported", no_imported_, "leave out the tiles of imported engine files and of other problems");
  flag("--no-between", no_between_, "measure at these numbers of tokens alone, not between them");
  text("--level", level_, "PERCENT", "confidence with which a tile must be faster than the default (default: 99)");
  text("--min-gain", min_gain_, "PERCENT", "estimated gain that a tile must have over the default (default: 1)");
  flag("--detach", detach_, "return at once; the sweep goes on in the daemon");
}

void SweepFlags::add_measuring_to(CLI::App& command, const std::string& kernel_help) {
  const auto text = [&](const char* name, std::string& value, const char* type, const std::string& help) {
    command.add_option(name, value, help)->type_name(type)->group("Sweep");
  };
  const auto flag = [&](const char* name, bool& value, const char* help) {
    command.add_flag(name, value, help)->group("Sweep");
  };
  text("--kernel", kernel_, "NAME", kernel_help);
  text("--routing", routing_, "NAME|FILE",
       "routing of the tokens: uniform (default), zipf:S (popularity 1 / rank^S), or a JSON file with the tokens that "
       "each expert got");
  text("--l2", l2_, "cold|warm", "weights from memory, as in a model (default), or from L2");
  text("--gpus", gpus_, "all|0,1", "GPUs to measure on (default: all of one name)");
  text("--seed", seed_, "NUMBER", "seed of weights, activations and routing (default: 0)");
  text("--recording", recording_, "FILE", "take the times from a recording (.jsonl, .jsonl.zst), without a GPU");
  flag("--compile", compile_, "with --recording: really compile the kernels");
  flag("--retry-failed", retry_failed_, "try again what failed before");
}

}  // namespace moetune::cli
