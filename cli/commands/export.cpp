#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "cli/atomic_file.hpp"
#include "cli/commands/command.hpp"
#include "cli/engine_file_set.hpp"
#include "cli/group_flags.hpp"
#include "cli/guarantee_report.hpp"
#include "cli/merge_report.hpp"
#include "cli/text.hpp"
#include "schema/engine_file.hpp"
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
  std::string gemm;  ///< empty: what the engine needs
  std::string folder = ".";
  bool allow_recorded = false;
  bool merge = false;
  bool guarantee = false;
  bool robust = false;
};

/// The files that one engine needs.
struct EngineFiles {
  Attachment first;                  ///< for both GEMMs, or GEMM 1's
  std::optional<Attachment> second;  ///< GEMM 2's, of SGLang; its bytes may be the first one's
  nlohmann::ordered_json merge;      ///< what GET /merge says of them; null where nothing was to be merged
  nlohmann::ordered_json guarantee;  ///< what GET /guarantee says of them; null where nobody needs to know
  bool is_pair() const { return second && second->bytes != first.bytes; }
};

/// Where the engine looks for what was written.
std::string where_it_belongs(const std::string& format, std::size_t files) {
  if (format == "sglang") {
    return fmt::format(
        "SGLang looks for {} in $SGLANG_MOE_CONFIG_DIR/configs/triton_X_Y_Z/ (its Triton version, e.g. triton_3_6_0)",
        files > 1 ? "them" : "it");
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
    if (!flags.gemm.empty()) words.push_back("--gemm " + shell_word(flags.gemm));
    if (flags.allow_recorded || group.value("origin", "") == "recorded") words.emplace_back("--allow-recorded");
    if (flags.folder != ".") words.push_back("-o " + shell_word(flags.folder));
    lines.push_back(context.command_line(fmt::format("export {}", fmt::join(words, " "))));
  }
  error.detail["try"] = std::move(lines);
  return error;
}

/// A sweep that goes on, or was cut off, has not measured all that it would have.
void warn_of_unfinished(Context& context, const Attachment& file) {
  if (file.unfinished.empty()) return;
  context.note(fmt::format("warning: the file has rows of sweeps that are not done ({}): export again when they are",
                           printable(file.unfinished)));
}

/// The engine takes the nearest key: where nothing was measured it may be slower than the default.
void warn_of_gaps(Context& context, const Attachment& file) {
  if (file.untested.empty()) return;
  context.note(fmt::format(
      "warning: nothing was measured in M={}, where the engine takes the nearest key although it may be slower there "
      "than the default: tune the batches in between too (the default --batch covers them)",
      printable(file.untested)));
}

/// Whether SGLang would find a file for GEMM 2 that is not of this export: in the folder itself, or, as it looks there
/// too, in that of another Triton version. Its tiles would run beside these, and a BLOCK_SIZE_M that is not the same
/// ends SGLang 0.5.5 to 0.5.8.
bool has_another_second_file(const std::filesystem::path& folder, const std::string& name) {
  std::error_code error;
  if (std::filesystem::exists(folder / name, error)) return true;
  const auto here = std::filesystem::weakly_canonical(folder, error);
  if (error || !here.filename().string().starts_with("triton_")) return false;
  for (const auto& entry : std::filesystem::directory_iterator(here.parent_path(), error)) {
    std::error_code ignored;
    if (entry.path().filename().string().starts_with("triton_") &&
        std::filesystem::exists(entry.path() / name, ignored)) {
      return true;
    }
  }
  return false;
}

/// An atomic file with the bytes in it.
Result<AtomicFile> prepared(const std::filesystem::path& path, const std::string& bytes) {
  auto target = AtomicFile::create(path, Overwrite::yes);
  if (!target) return target;
  if (auto written = target->write(bytes); !written) return std::unexpected(written.error());
  return target;
}

/// Of the files that are about to be written: those whose place holds something else.
std::vector<std::filesystem::path> to_be_replaced(const std::filesystem::path& folder,
                                                  const std::vector<Attachment>& files) {
  std::vector<std::filesystem::path> others;
  for (const auto& file : files) {
    const auto path = (folder / file.name).lexically_normal();
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) continue;
    std::ifstream stream(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    if (bytes != file.bytes) others.push_back(path);
  }
  return others;
}

/// Writes all of the files or none.
Result<std::vector<std::filesystem::path>> write_together(const std::filesystem::path& folder,
                                                          const std::vector<Attachment>& files) {
  std::vector<std::filesystem::path> paths;
  std::vector<AtomicFile> targets;
  for (const auto& file : files) {
    paths.push_back((folder / file.name).lexically_normal());
    auto target = prepared(paths.back(), file.bytes);
    if (!target) return std::unexpected(target.error());
    targets.push_back(std::move(*target));
  }
  auto done = targets.size() == 1 ? targets[0].commit() : AtomicFile::commit_both(targets[0], targets[1]);
  if (!done) return std::unexpected(done.error());
  return paths;
}

void tell(Context& context, const std::vector<std::filesystem::path>& paths, const EngineFiles& files,
          const ExportFlags& flags) {
  if (context.options.json) {
    nlohmann::ordered_json answer = {{"file", paths[0].string()}};
    if (paths.size() > 1) answer["down_file"] = paths[1].string();
    if (!files.merge.is_null()) answer["merge"] = files.merge;
    if (flags.guarantee) answer["guarantee"] = files.guarantee;
    context.print(answer);
  } else {
    for (const auto& path : paths) context.out.line(path.string());
    context.note(where_it_belongs(flags.format, paths.size()));
  }
  if (files.is_pair()) {
    context.note(
        "the second file holds GEMM 2's tiles and belongs beside the first; SGLang reads it since 0.5.5: an older one "
        "would run GEMM 2 with the first one's tiles, which were not measured so");
  } else if (paths.size() > 1) {
    context.note(
        "both files hold the same tiles: without the second one SGLang would run GEMM 2 with those of an older file "
        "of that name");
  }
}

Result<void> write_to_folder(Context& context, const EngineFiles& files, const ExportFlags& flags) {
  std::vector<Attachment> wanted = {files.first};
  if (files.second) wanted.push_back(*files.second);
  for (const auto& file : wanted) {
    if (is_plain_name(file.name)) continue;
    return fail(ErrorCode::data_damaged,
                fmt::format("the daemon names the file \"{}\", which is no file name; print it with -o -",
                            printable(file.name)));
  }
  std::error_code error;
  std::filesystem::create_directories(flags.folder, error);
  if (error) return fail(ErrorCode::io, fmt::format("cannot make the folder {}: {}", flags.folder, error.message()));
  if (files.second && !files.is_pair() && !has_another_second_file(flags.folder, files.second->name)) wanted.pop_back();
  const auto others = to_be_replaced(flags.folder, wanted);
  const auto paths = write_together(flags.folder, wanted);
  if (!paths) return std::unexpected(paths.error());
  for (const auto& path : others) context.note(fmt::format("replaced another {}", path.string()));
  tell(context, *paths, files, flags);
  warn_of_gaps(context, files.first);
  warn_of_unfinished(context, files.first);
  return {};
}

void write_to_output(Context& context, const EngineFiles& files) {
  context.out.write(files.first.bytes);
  if (!files.is_pair()) return;
  context.note("warning: this is GEMM 1's file alone, and GEMM 2 has tiles of its own: --gemm down prints them");
}

/// What merging cost each of the problems, where there were several.
Result<void> tell_merge(Context& context, const EngineFiles& files) {
  if (files.merge.is_null()) return {};
  const std::size_t columns = context.err_traits.interactive ? context.err_size().columns : 0;
  const auto lines = merge_report(files.merge, context.err_traits, columns);
  if (!lines) return std::unexpected(lines.error());
  for (const auto& line : *lines) context.err.line(line);
  return {};
}

/// One round of questions: one file, or SGLang's two, and what merging cost. Nothing when rows came in between, so that
/// the answers do not belong together.
Result<std::optional<EngineFiles>> fetch_once(const Client& client, const Query& query, const ExportFlags& flags) {
  Query choice_query = query;
  if (flags.merge) choice_query.add("merge", "1");
  if (flags.robust) choice_query.add("robust", "1");
  const auto file_for = [&](const std::string& gemm) {
    Query one = choice_query;
    if (!gemm.empty()) one.add("gemm", gemm);
    return client.attachment("/export", one);
  };
  auto first = file_for(flags.gemm);
  if (!first) return std::unexpected(first.error());
  EngineFiles files{.first = std::move(*first), .second = std::nullopt, .merge = nullptr, .guarantee = nullptr};
  if (flags.format == "sglang" && flags.gemm.empty()) {
    auto second = file_for("down");
    if (!second) return std::unexpected(second.error());
    if (second->version != files.first.version) return std::nullopt;
    files.second = std::move(*second);
  }
  if (flags.merge || flags.robust) {
    Query all = query;
    if (flags.robust) all.add("robust", "1");
    auto merge = client.get("/merge", all);
    if (!merge) return std::unexpected(merge.error());
    const auto choice = merge->is_object() ? merge->value("choice", "") : "";
    if (fmt::format("\"{}\"", choice) != files.first.version) return std::nullopt;
    files.merge = std::move(*merge);
  }
  if (flags.guarantee) {
    auto guarantee = client.get("/guarantee", choice_query);
    if (!guarantee) return std::unexpected(guarantee.error());
    const auto choice = guarantee->is_object() ? guarantee->value("choice", "") : "";
    if (fmt::format("\"{}\"", choice) != files.first.version) return std::nullopt;
    files.guarantee = std::move(*guarantee);
  }
  return files;
}

/// Prints how the file does wherever it was measured: beside a file on stdout, on stderr.
Result<ExitStatus> tell_guarantee(Context& context, const EngineFiles& files, const ExportFlags& flags) {
  if (!flags.guarantee) return ExitStatus::done;
  const bool apart = flags.folder == "-";
  const auto report = guarantee_report(files.guarantee);
  if (!report) return std::unexpected(report.error());
  if (apart || !context.options.json) {
    const Tone verdict = report->safe ? Tone::good : Tone::bad;
    for (const auto& line : report->lines) {
      const Tone tone = &line == &report->lines.front() ? verdict : Tone::plain;
      apart ? context.note(line, tone) : context.say(line, tone);
    }
  }
  return report->safe ? ExitStatus::done : ExitStatus::failed;
}

Result<EngineFiles> fetch(const Client& client, const Query& query, const ExportFlags& flags) {
  constexpr int k_rounds = 5;
  for (int round = 0; round < k_rounds; ++round) {
    auto files = fetch_once(client, query, flags);
    if (!files) return std::unexpected(files.error());
    if (*files) return std::move(**files);
  }
  return fail(ErrorCode::unavailable,
              "rows of this group come in too fast for answers that belong together; try again");
}

Result<ExitStatus> export_file(Context& context, const ExportFlags& flags) {
  auto query = flags.group.query();
  if (!query) return std::unexpected(query.error());
  if (flags.format != "vllm" && flags.format != "sglang") {
    return fail(ErrorCode::invalid_argument, fmt::format("--format must be vllm or sglang, not \"{}\"", flags.format));
  }
  if (!flags.gemm.empty()) {
    if (const auto gemm = schema::gemm_from_name(flags.gemm); !gemm) {
      return fail(gemm.error().code, fmt::format("--gemm must be up or down, not \"{}\"", flags.gemm));
    }
  }
  query->add("format", flags.format);
  if (flags.allow_recorded) query->add("allow_recorded", "1");
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto files = fetch(*client, *query, flags);
  if (!files) return std::unexpected(with_ways_out(files.error(), flags, context));
  if (flags.folder == "-") {
    write_to_output(context, *files);
  } else if (auto written = write_to_folder(context, *files, flags); !written) {
    return std::unexpected(written.error());
  }
  if (auto told = tell_merge(context, *files); !told) return std::unexpected(told.error());
  return tell_guarantee(context, *files, flags);
}

}  // namespace

void add_export(CommandLine& line) {
  const auto flags = std::make_shared<ExportFlags>();
  CLI::App& command = add_command(
      line, line.app, "export", "Write an engine's configuration file under its exact name",
      "  moetune export -E 256 -N 512 --dtype fp8_w8a8 --block-shape 128,128\n"
      "  moetune export -E 256 -N 512 --format sglang --kernel cuda -o configs/\n"
      "  moetune export -E 256 -N 512 --dtype fp8_w8a8 --block-shape 128,128 --guarantee\n"
      "A file steers its engine's own kernel: rows of another kernel or from a recording are taken only when named\n"
      "(--kernel NAME, --allow-recorded). Where GEMM 2 has tiles of its own, SGLang's format is two files, X.json and\n"
      "X_down.json: both are written or neither.",
      [flags](Context& context) { return export_file(context, *flags); });
  flags->group.add_to(command, GroupFlags::Shape::required);
  command.add_option("--format", flags->format, "vllm (default) or sglang")->type_name("NAME");
  command.add_option("--gemm", flags->gemm, "up or down: the file of one GEMM alone (default: all that is needed)")
      ->type_name("NAME");
  command.add_option("-o,--output", flags->folder, "folder to write to, or - for stdout (default: the current folder)")
      ->type_name("DIR");
  command.add_flag("--merge", flags->merge,
                   "one file for all problems that share its name, of least worst regret: none gets slower by it");
  command.add_flag("--guarantee", flags->guarantee,
                   "print the worst of all measured M against the default; exit status 1 when the file is not known to "
                   "be safe");
  command.add_flag("--robust", flags->robust,
                   "one file of least worst regret over several routings: those of --routing A,B,.., else all that "
                   "have rows");
  command.add_flag("--allow-recorded", flags->allow_recorded, "take rows that come from a recording");
}

}  // namespace moetune::cli
