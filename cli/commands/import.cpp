#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/candidate_upload.hpp"
#include "cli/commands/command.hpp"
#include "cli/engine_file_set.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

bool is_zstd(const std::string& path) {
  constexpr std::array<char, 4> k_magic = {'\x28', '\xB5', '\x2F', '\xFD'};
  std::array<char, 4> start{};
  std::ifstream file(path, std::ios::binary);
  return file.read(start.data(), start.size()) && start == k_magic;
}

/// What a path of the command line stands for.
struct Source {
  std::string path;
  std::vector<fs::path> engine_files;  ///< empty: the path is a file of trials
};

Result<std::vector<Source>> sources_of(const std::vector<std::string>& paths) {
  std::vector<Source> sources;
  for (const std::string& path : paths) {
    auto files = engine_files({path});
    if (!files) return std::unexpected(files.error());
    std::error_code ignored;
    if (!fs::is_directory(path, ignored) && !is_engine_file(path)) files->clear();
    sources.push_back({path, std::move(*files)});
  }
  return sources;
}

std::int64_t count(const ordered_json& answer, const char* name) {
  return answer.value(name, std::int64_t{0});
}

/// Says what became of one file of trials; true when every line was taken.
bool report_trials(Context& context, const std::string& path, const ordered_json& answer) {
  if (!context.options.json) {
    const auto completed = count(answer, "completed");
    context.out.line(fmt::format("{}: {} rows, {} new, {} known already{}, {} rejected", path, count(answer, "rows"),
                                 count(answer, "inserted"), count(answer, "duplicates"),
                                 completed > 0 ? fmt::format(" ({} got their rounds)", completed) : "",
                                 count(answer, "rejected")));
  }
  for (const auto& rejection : answer.value("rejections", ordered_json::array())) {
    context.err.line(fmt::format("moetune: {}:{}: {}", path, rejection.value("line", std::int64_t{0}),
                                 printable(rejection.value("message", std::string()))));
  }
  return count(answer, "rejected") == 0;
}

Result<bool> import_trials(Context& context, const Client& client, const std::string& path, ordered_json& answers) {
  auto answer = client.post_file("/import", path, is_zstd(path) ? "application/octet-stream" : "application/x-ndjson");
  if (!answer)
    return fail(answer.error().code, fmt::format("{}: {}", path, answer.error().message), answer.error().detail);
  const bool complete = report_trials(context, path, *answer);
  ordered_json with_path = {{"path", path}};
  with_path.update(*answer);
  answers.push_back(std::move(with_path));
  return complete;
}

/// Says what became of the engine files of one path; true when all of them were taken.
Result<bool> report_candidates(Context& context, const std::string& path, const ordered_json& files) {
  std::int64_t known = 0;
  std::int64_t unusable = 0;
  std::vector<const ordered_json*> unread;
  for (const auto& file : files) {
    if (file.contains("error")) unread.push_back(&file);
    known += file.value("known", false) ? 1 : 0;
    unusable += count(file, "unusable");
  }
  if (unread.size() == 1 && files.size() == 1) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", path, unread.front()->value("error", "")));
  }
  for (const auto* file : unread) {
    context.err.line(fmt::format("moetune: {}: {}", printable(file->value("path", "")),
                                 printable(file->value("error", std::string()))));
  }
  if (unread.size() == files.size()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: none of {} files could be read", path, files.size()));
  }
  if (!context.options.json) {
    context.out.line(fmt::format("{}: {} engine files, {} new, {} known already, {} unreadable{}", path, files.size(),
                                 std::ssize(files) - known - std::ssize(unread), known, unread.size(),
                                 unusable == 0 ? "" : fmt::format("; {} rows are no tiles", unusable)));
  }
  return unread.empty();
}

Result<bool> import_candidates(Context& context, const Client& client, const Source& source, ordered_json& answers) {
  const CandidateUpload upload = candidate_upload(source.engine_files);
  ordered_json files = ordered_json::array();
  for (const UnreadFile& file : upload.unread) {
    // A name may hold bytes that are no UTF-8.
    files.push_back({{"path", printable(file.path)}, {"error", file.reason}});
  }
  for (const std::string& body : upload.bodies) {
    auto answer = client.post("/import", ordered_json::parse(body));
    if (!answer) return std::unexpected(answer.error());
    for (auto& file : answer->value("files", ordered_json::array())) files.push_back(std::move(file));
  }
  auto complete = report_candidates(context, source.path, files);
  for (auto& file : files) answers.push_back(std::move(file));
  return complete;
}

Result<ExitStatus> import_files(Context& context, const std::vector<std::string>& paths) {
  const auto sources = sources_of(paths);
  if (!sources) return std::unexpected(sources.error());
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  ordered_json answers = ordered_json::array();
  bool complete = true;
  for (const Source& source : *sources) {
    const auto taken = source.engine_files.empty() ? import_trials(context, *client, source.path, answers)
                                                   : import_candidates(context, *client, source, answers);
    if (!taken) return std::unexpected(taken.error());
    complete = *taken && complete;
  }
  if (context.options.json) {
    context.out.line(
        ordered_json{{"files", std::move(answers)}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  }
  return complete ? ExitStatus::done : ExitStatus::failed;
}

}  // namespace

void add_import(CommandLine& line) {
  const auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App& command = add_command(
      line, line.app, "import", "Take in trials that somebody exported, or engines' tuned files",
      "  moetune import trials.jsonl more.jsonl.zst\n"
      "  moetune import site-packages/vllm/model_executor/layers/fused_moe/configs\n"
      "An engine's file becomes a set of candidates: sweeps of its problem try its tiles first, whatever the device\n"
      "(moetune candidates lists the sets). Of a folder all *.json below it are taken; those that cannot be read are\n"
      "listed. Exit status: 0 everything was taken; 1 not everything; 2 nothing.",
      [paths](Context& context) { return import_files(context, *paths); });
  command.add_option("PATH", *paths, "trial JSONL, plain or compressed with zstd; engine files (.json), or folders")
      ->required()
      ->type_name("");
}

}  // namespace moetune::cli
