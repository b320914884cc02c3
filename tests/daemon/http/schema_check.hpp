#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moetune::daemon::http {

/// What is wrong with `value` by a schema of `document`, one line each, starting with the place. Knows the keywords
/// that openapi.json uses; one that it does not know is a finding, so that none is passed over.
std::vector<std::string> schema_breaches(const nlohmann::json& document, const nlohmann::json& schema,
                                         const nlohmann::json& value, const std::string& place = "$");

/// What a local reference points to; other values come back as they are.
const nlohmann::json& resolved(const nlohmann::json& document, const nlohmann::json& value);

}  // namespace moetune::daemon::http
