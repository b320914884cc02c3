#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"

namespace moetune::schema::publish {

inline constexpr std::string_view k_manifest_name = "moetune.json";

/// What a manifest says of one file.
struct ManifestEntry {
  std::string sha256;               ///< of the file's bytes, hex
  std::string database;             ///< uuid of the one that it came from
  std::vector<std::string> set;     ///< paths of the files that belong together, its own among them
  std::optional<std::string> lost;  ///< why no rows make it any more; empty while some do
  nlohmann::ordered_json source;

  bool operator==(const ManifestEntry&) const = default;
};

/// What a published folder holds and where it comes from, by path.
struct Manifest {
  std::string tool_version;
  std::string written_at;
  std::map<std::string, ManifestEntry> files;
};

/// {"format": 1, "tool_version", "written_at", "files": {path: {"sha256", "database", "set", "ground", "reason",
/// "source"}}}, indented; ground is false, with the reason, where no rows make the file any more.
std::string to_text(const Manifest& manifest);
/// Errors: data_damaged, naming `where`.
Result<Manifest> manifest_from_text(std::string_view text, std::string_view where);

}  // namespace moetune::schema::publish
