#include "schema/publish/publication.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schema/engine_file_name.hpp"

namespace moetune::schema::publish {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t k_max_name = 255;  // of Linux's file systems

bool is_triton_folder(std::string_view name) {
  constexpr std::string_view k_start = "triton_";
  if (!name.starts_with(k_start) || name.size() == k_start.size()) return false;
  return name.find_first_not_of("0123456789_", k_start.size()) == std::string_view::npos;
}

/// Whether the engine could look for a file of exactly this name.
bool is_engine_file(std::string_view name, EngineFormat format) {
  const bool plain = std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '/'; });
  if (!plain || name.size() > k_max_name) return false;
  const auto facts = engine_file_name_from_text(name);
  return facts && facts->exact && facts->format.value_or(format) == format;
}

FileSet set_from_json(const ordered_json& value) {
  FileSet set{{}, value.at("source")};
  for (const auto& file : value.at("files")) {
    set.files.push_back({file.at("path").get<std::string>(), file.at("bytes").get<std::string>()});
  }
  return set;
}

Result<void> checked(const Publication& publication) {
  for (const auto& set : publication.sets) {
    if (set.files.empty()) return fail(ErrorCode::data_damaged, "a publication has a set without files");
    for (const auto& file : set.files) {
      if (is_publishable(file.path)) continue;
      return fail(ErrorCode::data_damaged,
                  fmt::format("\"{}\" is no path of a file that an engine reads: nothing is published", file.path));
    }
  }
  return {};
}

}  // namespace

bool is_publishable(std::string_view path) {
  constexpr std::string_view k_sglang = "configs/";
  if (!path.starts_with(k_sglang)) return is_engine_file(path, EngineFormat::vllm);
  path.remove_prefix(k_sglang.size());
  const auto slash = path.find('/');
  return slash != std::string_view::npos && is_triton_folder(path.substr(0, slash)) &&
         is_engine_file(path.substr(slash + 1), EngineFormat::sglang);
}

ordered_json to_json(const Publication& publication) {
  ordered_json sets = ordered_json::array();
  for (const auto& set : publication.sets) {
    ordered_json files = ordered_json::array();
    for (const auto& file : set.files) files.push_back({{"path", file.path}, {"bytes", file.bytes}});
    sets.push_back({{"files", std::move(files)}, {"source", set.source}});
  }
  ordered_json left_out = ordered_json::array();
  for (const auto& file : publication.left_out) left_out.push_back({{"path", file.path}, {"reason", file.reason}});
  return {{"database", publication.database},    {"tool_version", publication.tool_version},
          {"scope", to_json(publication.scope)}, {"sets", std::move(sets)},
          {"left_out", std::move(left_out)},     {"other_kernels", publication.other_kernels}};
}

Result<Publication> publication_from_json(const ordered_json& value) {
  Publication publication;
  try {
    publication.database = value.at("database").get<std::string>();
    publication.tool_version = value.at("tool_version").get<std::string>();
    publication.scope = scope_from_json(value.at("scope"));
    for (const auto& set : value.at("sets")) publication.sets.push_back(set_from_json(set));
    for (const auto& file : value.at("left_out")) {
      publication.left_out.push_back({file.at("path").get<std::string>(), file.at("reason").get<std::string>()});
    }
    publication.other_kernels = value.at("other_kernels").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::data_damaged, fmt::format("this is no publication: {}", error.what()));
  }
  if (auto good = checked(publication); !good) return std::unexpected(good.error());
  return publication;
}

}  // namespace moetune::schema::publish
