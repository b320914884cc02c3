#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/text.hpp"
#include "schema/engine_file.hpp"
#include "schema/group.hpp"
#include "schema/publish/folder.hpp"
#include "schema/publish/manifest.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
namespace publish = schema::publish;
using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct PublishFlags {
  std::string folder;
  std::string kernel;
  std::string format;
  bool allow_recorded = false;
  bool allow_gaps = false;
  bool force = false;
};

/// The daemon's question, with every flag checked before anybody is asked.
Result<Query> query_of(const PublishFlags& flags) {
  Query query;
  if (!flags.kernel.empty()) {
    schema::GroupFilter filter;
    if (const auto set = filter.set("kernel", flags.kernel); !set) {
      return fail(set.error().code, fmt::format("--kernel: {}", set.error().message));
    }
    query.add("kernel", flags.kernel);
  }
  if (!flags.format.empty()) {
    if (!schema::engine_format_from_name(flags.format)) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--format must be vllm or sglang, not \"{}\"", flags.format));
    }
    query.add("format", flags.format);
  }
  if (flags.allow_recorded) query.add("allow_recorded", "1");
  if (flags.allow_gaps) query.add("allow_gaps", "1");
  std::error_code error;
  if (fs::exists(flags.folder, error) && !fs::is_directory(flags.folder, error)) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} is no folder", flags.folder));
  }
  return query;
}

void tell(Context& context, std::string_view what, const std::vector<publish::Note>& notes) {
  for (const auto& note : notes) {
    context.note(fmt::format("{}: {}: {}", what, printable(note.path), printable(note.reason)));
  }
}

/// Rows of kernels that are no engine's, when there is nothing else.
void tell_of_kernels(Context& context, const publish::Publication& publication) {
  if (!publication.left_out.empty() || publication.other_kernels.empty()) return;
  context.note(
      fmt::format("there are rows of kernel {}: a file steers its engine's own kernel, so they are "
                  "published only when named (--kernel NAME)",
                  printable(fmt::format("{}", fmt::join(publication.other_kernels, ", ")))));
}

bool has_engine(const publish::Report& report, bool sglang) {
  const auto is_wanted = [&](const std::string& path) { return path.starts_with("configs/") == sglang; };
  return std::ranges::any_of(report.written, is_wanted) || std::ranges::any_of(report.unchanged, is_wanted);
}

void print(Context& context, const fs::path& folder, const publish::Report& report) {
  for (const auto& [word, paths] : {std::pair("written  ", &report.written), {"unchanged", &report.unchanged}}) {
    for (const auto& path : *paths) context.out.line(fmt::format("{}  {}", word, (folder / path).string()));
  }
  if (has_engine(report, false)) {
    context.err.line(fmt::format("for vLLM: VLLM_TUNED_CONFIG_FOLDER={}", shell_word(folder.string())));
  }
  if (has_engine(report, true)) {
    context.err.line(fmt::format("for SGLang: SGLANG_MOE_CONFIG_DIR={} (it then reads none of the files that it ships)",
                                 shell_word(folder.string())));
  }
}

/// A file steers its engine's own kernel, whichever its tiles were measured with.
void warn_of_kernel(Context& context, const publish::Report& report, const std::string& kernel) {
  for (const bool sglang : {false, true}) {
    const std::string engine = sglang ? "SGLang" : "vLLM";
    if (kernel.empty() || kernel == (sglang ? "sglang" : "vllm") || !has_engine(report, sglang)) continue;
    context.note(fmt::format("warning: {}'s files hold tiles that were measured with the kernel {}: {} runs its own "
                             "kernel with them, of which this says little{}",
                             engine, printable(kernel), engine,
                             sglang ? "; --format vllm leaves them out" : "; --format sglang leaves them out"),
                 Tone::warning);
  }
}

Result<publish::Publication> asked(Context& context, const Query& query) {
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto answer = client->get("/publication", query);
  if (!answer) return std::unexpected(answer.error());
  return publish::publication_from_json(*answer);
}

/// The report of a folder that is not begun for nothing.
Result<publish::Report> published(const fs::path& folder, const publish::Publication& publication, bool force) {
  std::error_code ignored;
  if (publication.sets.empty() && !fs::exists(folder / publish::k_manifest_name, ignored)) {
    publish::Report report;
    for (const auto& file : publication.left_out) report.left_out.push_back({file.path, file.reason});
    return report;
  }
  return publish::update_folder(folder, publication, force ? publish::Force::yes : publish::Force::no);
}

Result<ExitStatus> publish_files(Context& context, const PublishFlags& flags) {
  const auto query = query_of(flags);
  if (!query) return std::unexpected(query.error());
  const auto publication = asked(context, *query);
  if (!publication) return std::unexpected(publication.error());
  const fs::path folder = fs::absolute(flags.folder).lexically_normal();
  const auto report = published(folder, *publication, flags.force);
  if (!report) return std::unexpected(report.error());
  if (context.options.json) {
    ordered_json answer = {{"folder", folder.string()}};
    answer.update(publish::to_json(*report));
    context.print(answer);
  } else {
    print(context, folder, *report);
    warn_of_kernel(context, *report, flags.kernel);
    tell(context, "left as it is", report->refused);
    if (!report->refused.empty()) context.err.line("--force replaces files that moetune did not write");
    tell(context, "kept without ground (remove it if you do not want it)", report->lost);
    tell(context, "not published", report->left_out);
  }
  const bool nothing = report->written.empty() && report->unchanged.empty();
  if (nothing && !context.options.json) {
    context.err.line("moetune: nothing to publish");
    tell_of_kernels(context, *publication);
  }
  return nothing || !report->refused.empty() ? ExitStatus::failed : ExitStatus::done;
}

}  // namespace

void add_publish(CommandLine& line) {
  const auto flags = std::make_shared<PublishFlags>();
  CLI::App& command = add_command(
      line, line.app, "publish", "Bring a folder that engines read up to date with all files that can be trusted",
      "  moetune publish /srv/moe-configs\n"
      "  moetune publish configs --kernel cuda --allow-recorded\n"
      "DIR becomes what VLLM_TUNED_CONFIG_FOLDER and SGLANG_MOE_CONFIG_DIR name, with a manifest, moetune.json, that\n"
      "says from which rows each file came. All files change at the same moment, or none. Exit status 1: nothing to\n"
      "publish, or a file was in the way.",
      [flags](Context& context) { return publish_files(context, *flags); });
  command.add_option("DIR", flags->folder, "folder to publish into; made when it is not there")
      ->type_name("PATH")
      ->required();
  command.add_option("--format", flags->format, "vllm or sglang (default: both)")->type_name("NAME");
  command.add_option("--kernel", flags->kernel, "take rows of this kernel instead of each engine's own")
      ->type_name("NAME");
  command.add_flag("--allow-recorded", flags->allow_recorded, "take rows that come from a recording");
  command.add_flag("--allow-gaps", flags->allow_gaps, "files too where measured M are far apart");
  command.add_flag("--force", flags->force, "replace files that moetune did not write, or that somebody changed");
}

}  // namespace moetune::cli
