#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

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

Result<void> check_all(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      return fail(ErrorCode::invalid_argument, fmt::format("there is no file {}", path));
    if (std::filesystem::is_directory(path, ignored)) {
      return fail(ErrorCode::invalid_argument, fmt::format("{} is a folder; name the files in it", path));
    }
  }
  return {};
}

/// Says what became of one file; true when every line was taken.
bool report(Context& context, const std::string& path, const ordered_json& answer) {
  const auto count = [&](const char* name) { return answer.value(name, std::int64_t{0}); };
  if (!context.options.json) {
    context.out.line(fmt::format("{}: {} rows, {} new, {} known already, {} rejected", path, count("rows"),
                                 count("inserted"), count("duplicates"), count("rejected")));
  }
  for (const auto& rejection : answer.value("rejections", ordered_json::array())) {
    context.err.line(fmt::format("moetune: {}:{}: {}", path, rejection.value("line", std::int64_t{0}),
                                 printable(rejection.value("message", std::string()))));
  }
  return count("rejected") == 0;
}

Result<ExitStatus> import_files(Context& context, const std::vector<std::string>& paths) {
  if (auto checked = check_all(paths); !checked) return std::unexpected(checked.error());
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  ordered_json answers = ordered_json::array();
  bool complete = true;
  for (const std::string& path : paths) {
    auto answer =
        client->post_file("/import", path, is_zstd(path) ? "application/octet-stream" : "application/x-ndjson");
    if (!answer)
      return fail(answer.error().code, fmt::format("{}: {}", path, answer.error().message), answer.error().detail);
    complete = report(context, path, *answer) && complete;
    ordered_json with_path = {{"path", path}};
    with_path.update(*answer);
    answers.push_back(std::move(with_path));
  }
  if (context.options.json) context.print(ordered_json{{"files", std::move(answers)}});
  return complete ? ExitStatus::done : ExitStatus::failed;
}

}  // namespace

void add_import(CommandLine& line) {
  const auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App& command = add_command(line, line.app, "import", "Take in trials that somebody exported",
                                  "  moetune import trials.jsonl more.jsonl.zst",
                                  [paths](Context& context) { return import_files(context, *paths); });
  command.add_option("PATH", *paths, "trial JSONL, plain or compressed with zstd")->required()->type_name("");
}

}  // namespace moetune::cli
