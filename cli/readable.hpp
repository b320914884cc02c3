#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moetune::cli {

/// A JSON object for people: "name  value" lines, names aligned, objects within indented below their name, underscores
/// as spaces, fields whose name ends in "bytes" or "size_limit" as MiB.
std::vector<std::string> readable_lines(const nlohmann::ordered_json& object);

}  // namespace moetune::cli
