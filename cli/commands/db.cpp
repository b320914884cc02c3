#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/atomic_file.hpp"
#include "cli/commands/command.hpp"
#include "cli/format.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::Result;

Result<ExitStatus> check(Context& context) {
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto report = client->get("/db/check");
  if (!report) return std::unexpected(report.error());
  const bool ok = report->value("ok", false);
  if (context.options.json) {
    context.print(*report);
    return ok ? ExitStatus::done : ExitStatus::failed;
  }
  context.out.line(fmt::format(
      "{}: {} trials, {} sweeps, {}, schema version {}", ok ? "the database holds together" : "the database is damaged",
      report->value("trials", std::int64_t{0}), report->value("sweeps", std::int64_t{0}),
      bytes_text(report->value("bytes", std::int64_t{0})), report->value("schema_version", std::int64_t{0})));
  for (const auto& finding : report->value("findings", ordered_json::array())) {
    context.out.line("  " + printable(finding.is_string() ? finding.get<std::string>() : finding.dump()));
  }
  if (!ok)
    context.err.line(
        "moetune: stop the daemon, put a backup of results.db in its place, and import what came after it");
  return ok ? ExitStatus::done : ExitStatus::failed;
}

Result<ExitStatus> backup(Context& context, const std::string& path, Overwrite overwrite) {
  auto file = AtomicFile::create(path, overwrite);
  if (!file) {
    if (file.error().code == schema::ErrorCode::conflict)
      file.error().message += "; name another file, or add --overwrite";
    return std::unexpected(file.error());
  }
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  std::int64_t bytes = 0;
  Result<void> written;
  const auto streamed = client->stream("/db/backup", {}, [&](std::string_view piece) {
    bytes += static_cast<std::int64_t>(piece.size());
    written = file->write(piece);
    return written.has_value();
  });
  if (!streamed) return std::unexpected(streamed.error());
  if (!written) return std::unexpected(written.error());
  if (auto committed = file->commit(); !committed) return std::unexpected(committed.error());
  if (context.options.json) {
    context.print(ordered_json{{"file", path}, {"bytes", bytes}});
  } else {
    context.out.line(fmt::format("{}: {}", path, bytes_text(bytes)));
  }
  return ExitStatus::done;
}

}  // namespace

void add_db(CommandLine& line) {
  CLI::App& db = add_family(line, "db", "Check or back up the database of all results",
                            "  moetune db check\n  moetune db backup results-2026-11-20.db");
  add_command(line, db, "check", "Read the whole database and say whether it holds together", "  moetune db check",
              check);
  struct Flags {
    std::string path;
    bool overwrite = false;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App& command =
      add_command(line, db, "backup", "Write a copy of the database, also while sweeps run",
                  "  moetune db backup results-2026-11-20.db", [flags](Context& context) {
                    return backup(context, flags->path, flags->overwrite ? Overwrite::yes : Overwrite::no);
                  });
  command.add_option("FILE", flags->path, "where to; it appears complete or not at all")->required()->type_name("");
  command.add_flag("--overwrite", flags->overwrite, "replace FILE when it is there");
}

}  // namespace moetune::cli
