#include "schema/publish/scope.hpp"

#include <algorithm>

namespace moetune::schema::publish {
namespace {

using nlohmann::ordered_json;

/// Empty for what is not there or no text.
std::string text_at(const ordered_json& object, const char* key) {
  const auto place = object.find(key);
  return place != object.end() && place->is_string() ? place->get<std::string>() : "";
}

}  // namespace

bool Scope::covers(const ordered_json& source) const {
  if (!source.is_object()) return false;
  if (!std::ranges::count(kernels, EngineKernel{text_at(source, "engine"), text_at(source, "kernel")})) return false;
  const auto needed = source.find("exceptions");
  if (needed == source.end()) return true;
  return std::ranges::all_of(*needed, [&](const ordered_json& exception) {
    return exception.is_string() && std::ranges::count(exceptions, exception.get<std::string>()) > 0;
  });
}

ordered_json to_json(const Scope& scope) {
  ordered_json kernels = ordered_json::array();
  for (const auto& each : scope.kernels) kernels.push_back({{"engine", each.engine}, {"kernel", each.kernel}});
  return {{"kernels", std::move(kernels)}, {"exceptions", scope.exceptions}};
}

Scope scope_from_json(const ordered_json& value) {
  Scope scope;
  for (const auto& each : value.at("kernels")) {
    scope.kernels.push_back({each.at("engine").get<std::string>(), each.at("kernel").get<std::string>()});
  }
  scope.exceptions = value.at("exceptions").get<std::vector<std::string>>();
  return scope;
}

}  // namespace moetune::schema::publish
