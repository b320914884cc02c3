#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/atomic_file.hpp"
#include "cli/commands/command.hpp"
#include "cli/engine_file_set.hpp"
#include "cli/group_flags.hpp"
#include "cli/text.hpp"
#include "schema/engine_file.hpp"
#include "schema/group.hpp"
#include "schema/strict_json.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct ListFlags {
  GroupFlags group;
  std::string engine;
  bool discarded = false;
};

struct SetFlags {
  std::string id;
  std::string folder;
  bool discard = false;
};

std::string text_at(const ordered_json& item, const char* name) {
  const auto value = item.value(name, ordered_json());
  return value.is_string() ? printable(value.get<std::string>()) : "-";
}

std::string number_at(const ordered_json& item, const char* name) {
  return std::to_string(item.value(name, std::int64_t{0}));
}

Result<ExitStatus> list_sets(Context& context, const ListFlags& flags) {
  auto query = flags.group.query();
  if (!query) return std::unexpected(query.error());
  if (!flags.engine.empty()) {
    if (const auto engine = schema::engine_format_from_name(flags.engine); !engine) {
      return fail(engine.error().code, fmt::format("--engine must be vllm or sglang, not \"{}\"", flags.engine));
    }
    query->add("engine", flags.engine);
  }
  if (flags.discarded) query->add("discarded", "1");
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto items = client->list("/candidates", *query);
  if (!items) return std::unexpected(items.error());
  if (context.options.json) {
    context.print(ordered_json{{"items", *items}, {"next", nullptr}});
    return ExitStatus::done;
  }
  if (items->empty()) {
    context.out.line("no candidate sets like that; moetune import takes in engines' tuned files");
    return ExitStatus::done;
  }
  Table table({{"id", Align::right},
               {"rows", Align::right},
               {"no tiles", Align::right},
               {"imported", Align::left},
               {"name", Align::left}});
  for (const auto& item : *items) {
    table.add({number_at(item, "id"), number_at(item, "rows"), number_at(item, "unusable"),
               text_at(item, "imported_at"),
               text_at(item, "name") + (item.value("discarded", false) ? ", discarded" : "")});
  }
  context.print(table);
  return ExitStatus::done;
}

Result<void> print_set(Context& context, const Client& client, const std::string& route) {
  const auto item = client.get(route);
  if (!item) return std::unexpected(item.error());
  if (context.options.json) {
    context.print(*item);
    return {};
  }
  context.out.line(text_at(*item, "name") +
                   (item->value("discarded", false) ? "; discarded, no new sweep tries it" : ""));
  context.out.line(fmt::format("from {}, imported {}", text_at(*item, "path"), text_at(*item, "imported_at")));
  context.out.line(fmt::format("{} rows, {} of them no tiles; SHA-256 {}",
                               item->value("rows", std::int64_t{0}) + item->value("unusable", std::int64_t{0}),
                               number_at(*item, "unusable"), text_at(*item, "digest")));
  Table table({{"batch", Align::right}, {"config", Align::left}});
  const auto configs = item->value("configs", ordered_json::object());
  for (const auto& [batch, config] : configs.items()) {
    const auto tile = schema::tile_config_from_json(config);
    table.add({batch, tile ? short_text(*tile) : "-"});
  }
  if (!table.empty()) context.print(table);
  return {};
}

Result<void> write_set(Context& context, const Client& client, const std::string& route, const std::string& folder) {
  const auto file = client.attachment(route + "/file", {});
  if (!file) return std::unexpected(file.error());
  if (folder == "-") {
    context.out.write(file->bytes);
    return {};
  }
  if (!is_plain_name(file->name)) {
    return fail(ErrorCode::data_damaged, fmt::format("the daemon names the file \"{}\", which is no file name; print "
                                                     "it with -o -",
                                                     printable(file->name)));
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorCode::io, fmt::format("cannot make the folder {}: {}", folder, error.message()));
  const fs::path path = (fs::path(folder) / file->name).lexically_normal();
  auto target = AtomicFile::create(path, Overwrite::yes);
  if (!target) return std::unexpected(target.error());
  if (auto written = target->write(file->bytes); !written) return written;
  if (auto done = target->commit(); !done) return done;
  if (context.options.json) {
    context.print(ordered_json{{"file", path.string()}});
  } else {
    context.out.line(path.string());
  }
  return {};
}

Result<void> discard_set(Context& context, const Client& client, const std::string& route) {
  const auto item = client.post(route + "/discard", ordered_json::object());
  if (!item) return std::unexpected(item.error());
  if (context.options.json) {
    context.print(*item);
  } else {
    context.out.line(fmt::format("candidate set {} is discarded, no new sweep tries it: {}", number_at(*item, "id"),
                                 text_at(*item, "name")));
  }
  return {};
}

Result<ExitStatus> show_set(Context& context, const SetFlags& flags) {
  const auto id = schema::integer_from_text("the id of a candidate set", flags.id, 1, std::int64_t{1} << 53);
  if (!id) return std::unexpected(id.error());
  if (flags.discard && !flags.folder.empty()) {
    return fail(ErrorCode::invalid_argument, "--discard does not go with --output: write the file out first");
  }
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const std::string route = fmt::format("/candidates/{}", *id);
  Result<void> done;
  if (flags.discard) {
    done = discard_set(context, *client, route);
  } else if (!flags.folder.empty()) {
    done = write_set(context, *client, route, flags.folder);
  } else {
    done = print_set(context, *client, route);
  }
  if (!done) return std::unexpected(done.error());
  return ExitStatus::done;
}

}  // namespace

void add_candidates(CommandLine& line) {
  const auto flags = std::make_shared<ListFlags>();
  CLI::App& command = add_command(line, line.app, "candidates", "List the engine files that were imported",
                                  "  moetune candidates -E 256 -N 512 --dtype fp8_w8a8 --block-shape 128,128\n"
                                  "  moetune candidates --engine sglang --json",
                                  [flags](Context& context) { return list_sets(context, *flags); });
  flags->group.add_to(command, GroupFlags::Shape::in_file_name);
  command.add_option("--engine", flags->engine, "only files of vllm or sglang")->type_name("NAME");
  command.add_flag("--discarded", flags->discarded, "sets that were discarded too");
}

void add_candidate(CommandLine& line) {
  const auto flags = std::make_shared<SetFlags>();
  CLI::App& command =
      add_command(line, line.app, "candidate", "Show one imported engine file, write it out again, or discard it",
                  "  moetune candidate 3\n  moetune candidate 3 -o configs/\n"
                  "  moetune candidate 3 --discard",
                  [flags](Context& context) { return show_set(context, *flags); });
  command.add_option("ID", flags->id, "number of the set, see moetune candidates")->required()->type_name("");
  command
      .add_option("-o,--output", flags->folder, "write the file, in the engines' form, to this folder, or - for stdout")
      ->type_name("DIR");
  command.add_flag("--discard", flags->discard,
                   "let no new sweep try it; it stays readable, and importing the file again takes it back in");
}

}  // namespace moetune::cli
