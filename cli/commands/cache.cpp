#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <limits>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/format.hpp"
#include "cli/readable.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

/// "500MiB", "2 GiB", "1073741824": a size in bytes.
Result<std::int64_t> size_from_text(std::string_view text) {
  constexpr std::array k_units = {std::pair{"KiB", 10}, std::pair{"MiB", 20}, std::pair{"GiB", 30},
                                  std::pair{"TiB", 40}};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (error == std::errc() && number >= 0) {
    if (unit.empty() || unit == "B") return number;
    for (const auto& [name, shift] : k_units) {
      if (unit == name && number <= (std::numeric_limits<std::int64_t>::max() >> shift)) return number << shift;
    }
  }
  return fail(ErrorCode::invalid_argument, fmt::format("--to must be a size such as 500MiB or 2GiB, not \"{}\"", text));
}

Result<ExitStatus> show_object(Context& context, const std::string& path, const Query& query) {
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto answer = client->get(path, query);
  if (!answer) return std::unexpected(answer.error());
  if (context.options.json) {
    context.print(*answer);
  } else {
    for (const auto& line : readable_lines(*answer)) context.out.line(line);
  }
  return ExitStatus::done;
}

Result<ExitStatus> explain(Context& context, const std::string& key) {
  constexpr std::size_t k_min_digits = 4;
  constexpr std::size_t k_max_digits = 64;
  const bool digits = key.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!digits || key.size() < k_min_digits || key.size() > k_max_digits) {
    return fail(ErrorCode::invalid_argument, fmt::format("KEY must be {} to {} lower-case hex digits, not \"{}\"",
                                                         k_min_digits, k_max_digits, key.substr(0, 80)));
  }
  Query query;
  query.add("key", key);
  return show_object(context, "/cache/explain", query);
}

Result<ExitStatus> remove_kernels(Context& context, const std::string& path, const ordered_json& body) {
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto answer = client->post(path, body);
  if (!answer) return std::unexpected(answer.error());
  if (context.options.json) {
    context.print(*answer);
  } else {
    context.out.line(fmt::format("removed {} kernels, {}", answer->value("files", std::int64_t{0}),
                                 bytes_text(answer->value("bytes", std::int64_t{0}))));
  }
  return ExitStatus::done;
}

Result<ExitStatus> trim(Context& context, const std::string& size) {
  ordered_json body = ordered_json::object();
  if (!size.empty()) {
    const auto bytes = size_from_text(size);
    if (!bytes) return std::unexpected(bytes.error());
    body["bytes"] = *bytes;
  }
  return remove_kernels(context, "/cache/trim", body);
}

}  // namespace

void add_cache(CommandLine& line) {
  CLI::App& cache = add_family(line, "cache", "Look at the compiled kernels that are kept, and remove some",
                               "  moetune cache stats\n  moetune cache trim --to 2GiB");
  add_command(line, cache, "stats", "Show what the kernel cache holds and how it did", "  moetune cache stats",
              [](Context& context) { return show_object(context, "/cache", {}); });
  const auto size = std::make_shared<std::string>();
  add_command(line, cache, "trim", "Remove the kernels that were not used for the longest time",
              "  moetune cache trim\n  moetune cache trim --to 500MiB",
              [size](Context& context) { return trim(context, *size); })
      .add_option("--to", *size, "how much may stay (default: the daemon's limit)")
      ->type_name("SIZE");
  add_command(line, cache, "clear", "Remove every kernel that no running sweep uses", "  moetune cache clear",
              [](Context& context) { return remove_kernels(context, "/cache/clear", ordered_json::object()); });
  const auto key = std::make_shared<std::string>();
  add_command(line, cache, "explain", "Show what went into a kernel's key, and what came out",
              "  moetune cache explain 3f9a12", [key](Context& context) { return explain(context, *key); })
      .add_option("KEY", *key,
                  "a key or its first digits: the name of a file in the folder artifacts of the kernel cache")
      ->required()
      ->type_name("");
}

}  // namespace moetune::cli
