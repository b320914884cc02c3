#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/atomic_file.hpp"
#include "cli/commands/command.hpp"
#include "cli/group_flags.hpp"
#include "cli/text.hpp"
#include "schema/engine_rules.hpp"
#include "schema/group.hpp"

namespace moetune::cli {
namespace {

using nlohmann::json;
using schema::Error;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct ExportFlags {
  GroupFlags group;
  std::string format = "vllm";
  std::string folder = ".";
  bool allow_recorded = false;
  bool merge = false;
};

/// The daemon names the file; a name that is more than a name is not followed.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

std::vector<std::int64_t> keys_of(const std::string& bytes) {
  std::vector<std::int64_t> keys;
  const auto file = json::parse(bytes, nullptr, false);
  if (!file.is_object()) return keys;
  for (const auto& [name, value] : file.items()) {
    const auto key = schema::integer_from_text("key", name, 1, schema::k_max_batch);
    if (key) keys.push_back(*key);
  }
  return keys;
}

/// Where the engine looks for the file that was written.
std::string where_it_belongs(const std::string& format) {
  if (format == "sglang") {
    return "SGLang looks for it in $SGLANG_MOE_CONFIG_DIR/configs/triton_X_Y_Z/ (its Triton version, e.g. "
           "triton_3_6_0)";
  }
  return "vLLM looks for it in the folder that $VLLM_TUNED_CONFIG_FOLDER names, then among its own configs";
}

/// A refusal of the daemon with the command lines that would get past it: one for each group that it lists.
Error with_ways_out(Error error, const ExportFlags& flags, const Context& context) {
  const json groups = error.detail.is_object() ? error.detail.value("groups", json()) : json();
  if (error.code != ErrorCode::conflict || !groups.is_array()) return error;
  json lines = json::array();
  for (const auto& group : groups) {
    auto words = flags.group.words();
    auto fields = differing_fields(groups);
    if (!flags.group.has("kernel") && std::ranges::find(fields, "kernel") == fields.end())
      fields.emplace_back("kernel");
    for (const auto& field : fields) {
      if (flags.group.has(field) || !group.contains(field)) continue;
      for (auto& word : flag_of(field, group[field])) words.push_back(std::move(word));
    }
    if (flags.format != "vllm") words.push_back("--format " + shell_word(flags.format));
    if (flags.allow_recorded || group.value("origin", "") == "recorded") words.emplace_back("--allow-recorded");
    if (flags.folder != ".") words.push_back("-o " + shell_word(flags.folder));
    lines.push_back(context.command_line(fmt::format("export {}", fmt::join(words, " "))));
  }
  error.detail["try"] = std::move(lines);
  return error;
}

/// The engine takes the nearest key: between keys that are far apart, and above the last one, it uses a tile that
/// nobody compared with the default there.
void warn_of_gaps(Context& context, const Attachment& file) {
  const auto gap = schema::untested_range(keys_of(file.bytes));
  if (!gap) return;
  context.err.line(fmt::format(
      "warning: the file has no key between {} and {}, where the engine takes the nearest one although it may "
      "be slower there than the default: tune the batches in between too (the default --batch covers them)",
      gap->low, gap->high));
}

Result<void> write_to_folder(Context& context, const Attachment& file, const ExportFlags& flags) {
  if (!is_plain_name(file.name)) {
    return fail(ErrorCode::data_damaged,
                fmt::format("the daemon names the file \"{}\", which is no file name; print it with -o -",
                            printable(file.name)));
  }
  std::error_code error;
  std::filesystem::create_directories(flags.folder, error);
  if (error) return fail(ErrorCode::io, fmt::format("cannot make the folder {}: {}", flags.folder, error.message()));
  const auto path = std::filesystem::path(flags.folder) / file.name;
  auto target = AtomicFile::create(path, Overwrite::yes);
  if (!target) return std::unexpected(target.error());
  if (auto written = target->write(file.bytes); !written) return written;
  if (auto committed = target->commit(); !committed) return committed;
  const std::string shown = path.lexically_normal().string();
  if (context.options.json) {
    context.print(nlohmann::ordered_json{{"file", shown}});
  } else {
    context.out.line(shown);
    context.err.line(where_it_belongs(flags.format));
  }
  warn_of_gaps(context, file);
  return {};
}

Result<ExitStatus> export_file(Context& context, const ExportFlags& flags) {
  auto query = flags.group.query();
  if (!query) return std::unexpected(query.error());
  if (flags.format != "vllm" && flags.format != "sglang") {
    return fail(ErrorCode::invalid_argument, fmt::format("--format must be vllm or sglang, not \"{}\"", flags.format));
  }
  query->add("format", flags.format);
  if (flags.allow_recorded) query->add("allow_recorded", "1");
  if (flags.merge) query->add("merge", "1");
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto file = client->attachment("/export", *query);
  if (!file) return std::unexpected(with_ways_out(file.error(), flags, context));
  if (flags.folder == "-") {
    context.out.write(file->bytes);
  } else if (auto written = write_to_folder(context, *file, flags); !written) {
    return std::unexpected(written.error());
  }
  return ExitStatus::done;
}

}  // namespace

void add_export(CommandLine& line) {
  const auto flags = std::make_shared<ExportFlags>();
  CLI::App& command = add_command(
      line, line.app, "export", "Write an engine's configuration file under its exact name",
      "  moetune export -E 256 -N 512 --dtype fp8_w8a8 --block-shape 128,128\n"
      "  moetune export -E 256 -N 512 --format sglang --kernel cuda -o configs/\n"
      "A file steers its engine's own kernel: rows of another kernel or from a recording are taken only when named\n"
      "(--kernel NAME, --allow-recorded).",
      [flags](Context& context) { return export_file(context, *flags); });
  flags->group.add_to(command, GroupFlags::Shape::required);
  command.add_option("--format", flags->format, "vllm (default) or sglang")->type_name("NAME");
  command.add_option("-o,--output", flags->folder, "folder to write to, or - for stdout (default: the current folder)")
      ->type_name("DIR");
  command.add_flag("--merge", flags->merge, "one file for all models that share its name: no model gets slower by it");
  command.add_flag("--allow-recorded", flags->allow_recorded, "take rows that come from a recording");
}

}  // namespace moetune::cli
