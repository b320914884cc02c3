#include "schema/publish/manifest.hpp"

#include <fmt/format.h>

#include "schema/publish/publication.hpp"
#include "schema/strict_json.hpp"

namespace moetune::schema::publish {
namespace {

using nlohmann::ordered_json;

constexpr int k_format = 1;

ordered_json to_json(const ManifestEntry& entry) {
  ordered_json object = {
      {"sha256", entry.sha256}, {"database", entry.database}, {"set", entry.set}, {"ground", !entry.lost}};
  if (entry.lost) object["reason"] = *entry.lost;
  object["source"] = entry.source;
  return object;
}

ManifestEntry entry_from_json(const ordered_json& value) {
  ManifestEntry entry{.sha256 = value.at("sha256").get<std::string>(),
                      .database = value.at("database").get<std::string>(),
                      .set = value.at("set").get<std::vector<std::string>>(),
                      .lost = std::nullopt,
                      .source = value.at("source")};
  if (!value.at("ground").get<bool>()) entry.lost = value.at("reason").get<std::string>();
  return entry;
}

}  // namespace

std::string to_text(const Manifest& manifest) {
  ordered_json files = ordered_json::object();
  for (const auto& [path, entry] : manifest.files) files[path] = to_json(entry);
  const ordered_json object = {{"format", k_format},
                               {"tool_version", manifest.tool_version},
                               {"written_at", manifest.written_at},
                               {"files", std::move(files)}};
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<Manifest> manifest_from_text(std::string_view text, std::string_view where) {
  // Strictly first: that reader bounds depth and refuses keys that stand twice, the other one keeps the keys' order.
  if (const auto strict = parse_json(text, where); !strict) {
    return fail(ErrorCode::data_damaged, strict.error().message);
  }
  try {
    const auto object = ordered_json::parse(text);
    if (object.at("format") != k_format) {
      return fail(ErrorCode::data_damaged, fmt::format("{} was written by another version of moetune", where));
    }
    Manifest manifest{object.at("tool_version").get<std::string>(), object.at("written_at").get<std::string>(), {}};
    for (const auto& [path, entry] : object.at("files").items()) {
      if (!is_publishable(path)) {
        return fail(ErrorCode::data_damaged, fmt::format("{} names \"{}\", which no engine reads", where, path));
      }
      manifest.files[path] = entry_from_json(entry);
    }
    return manifest;
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::data_damaged, fmt::format("{} is no manifest of moetune: {}", where, error.what()));
  }
}

}  // namespace moetune::schema::publish
