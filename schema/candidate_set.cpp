#include "schema/candidate_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "schema/strict_json.hpp"

namespace moetune::schema {
namespace {

using nlohmann::ordered_json;

/// The folders of a path, the innermost first.
std::vector<std::string_view> folders_of(std::string_view path) {
  std::vector<std::string_view> folders;
  auto end = path.rfind('/');
  while (end != std::string_view::npos) {
    path = path.substr(0, end);
    end = path.rfind('/');
    folders.push_back(path.substr(end == std::string_view::npos ? 0 : end + 1));
  }
  return folders;
}

/// Spelling says most, then the folders of a package, then the content: vLLM alone writes "triton_version".
std::optional<EngineFormat> engine_of(const std::vector<std::string_view>& folders, const EngineFileName& facts,
                                      const EngineRows& rows) {
  if (facts.format) return facts.format;
  for (const std::string_view folder : folders) {
    if (folder == "vllm") return EngineFormat::vllm;
    if (folder == "sglang" || folder.starts_with("triton_")) return EngineFormat::sglang;
  }
  if (rows.triton_version()) return EngineFormat::vllm;
  return std::nullopt;
}

CandidateOrigin origin_of(const CandidateFile& file, const EngineFileName& facts, const EngineRows& rows) {
  const auto folders = folders_of(file.path);
  CandidateOrigin origin{engine_of(folders, facts, rows), file.engine_version, std::nullopt};
  if (!folders.empty() && folders.front().starts_with("triton_")) origin.folder = folders.front();
  return origin;
}

std::string name_of_set(const CandidateOrigin& origin, const std::string& file) {
  std::string name;
  if (origin.engine) name = name_of(*origin.engine);
  if (origin.engine_version) name += (name.empty() ? "" : "-") + *origin.engine_version;
  for (const std::string& part : {origin.folder.value_or(""), file}) {
    if (!part.empty()) name += (name.empty() ? "" : "/") + part;
  }
  return name;
}

CandidateFile read_file(const nlohmann::json& value, std::size_t index, ObjectReader& outer) {
  const std::string what = fmt::format("files[{}]", index);
  ObjectReader reader(value, what);
  CandidateFile file;
  file.path = reader.text("path", k_max_candidate_path);
  file.text = reader.text("text", k_max_engine_file);
  file.engine_version = reader.optional_text("engine_version", 64);
  if (reader.ok() && file.path.empty()) reader.reject("path", "must not be empty");
  if (auto done = reader.finish(); !done) outer.adopt(done.error());
  return file;
}

/// A field that makes a row one of another kernel than the engines launch today.
bool splits_k(const std::vector<EngineField>& row) {
  return std::ranges::any_of(row, [](const EngineField& field) { return field.name == "SPLIT_K" && field.value != 1; });
}

template <typename T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

}  // namespace

Result<std::vector<CandidateFile>> candidate_files_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "import");
  const nlohmann::json* list = reader.required_raw("files");
  std::vector<CandidateFile> files;
  if (list != nullptr && (!list->is_array() || list->empty() || list->size() > k_max_candidate_files)) {
    reader.reject("files", fmt::format("must be a list of 1 to {} files", k_max_candidate_files));
  } else if (list != nullptr) {
    for (const auto& item : *list) files.push_back(read_file(item, files.size(), reader));
  }
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return files;
}

Result<CandidateSet> candidate_set_from_file(const CandidateFile& file) {
  auto facts = engine_file_name_from_text(file.path);
  if (!facts) return std::unexpected(facts.error());
  auto rows = engine_rows_from_text(file.text);
  if (!rows) return std::unexpected(rows.error());
  const std::string written = engine_rows_text(*rows);
  if (written.size() > k_max_engine_file) {
    return fail(ErrorCode::too_large, fmt::format("the file has {} bytes in the engines' form, at most {} are kept",
                                                  written.size(), k_max_engine_file));
  }
  CandidateSet set;
  set.path = file.path;
  set.file = file.path.substr(file.path.rfind('/') + 1);
  set.origin = origin_of(file, *facts, *rows);
  set.name = name_of_set(set.origin, set.file);
  set.facts = std::move(*facts);
  set.bytes = std::ssize(file.text);
  set.canonical = written == file.text;
  set.rows = std::move(*rows);
  return set;
}

CandidateTiles candidate_tiles(const CandidateSet& set) {
  std::map<std::int64_t, const std::vector<EngineField>*> by_batch;
  CandidateTiles tiles;
  for (const EngineEntry& entry : set.rows.entries) {
    const auto* row = entry.row();
    if (row == nullptr) continue;
    const auto batch = engine_key(entry.key);
    if (batch && *batch >= 1 && *batch <= k_max_batch) {
      by_batch[*batch] = row;
    } else {
      ++tiles.unusable;
    }
  }
  const bool other_kernel = !set.facts.backend.empty();
  for (const auto& [batch, row] : by_batch) {
    const auto tile = tile_of(*row);
    if (tile && !other_kernel && !splits_k(*row)) {
      tiles.rows.emplace_back(batch, *tile);
    } else {
      ++tiles.unusable;
    }
  }
  return tiles;
}

ordered_json to_json(const StoredCandidateSet& stored) {
  const CandidateFacts& set = stored.set;
  const auto word = [](const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); };
  ordered_json object;
  object["id"] = stored.id;
  object["name"] = set.name;
  object["path"] = set.path;
  object["file"] = set.file;
  object["engine"] = set.origin.engine ? ordered_json(name_of(*set.origin.engine)) : ordered_json();
  object["engine_version"] = or_null(set.origin.engine_version);
  object["folder"] = or_null(set.origin.folder);
  object["triton_version"] = or_null(stored.triton_version);
  object["device"] = set.facts.device;
  object["E"] = set.facts.num_experts;
  object["N"] = set.facts.intermediate_size;
  object["dtype"] = word(set.facts.dtype_word);
  object["block_shape"] = nullptr;
  if (set.facts.block_shape) object["block_shape"] = {set.facts.block_shape->n, set.facts.block_shape->k};
  object["per_channel_quant"] = set.facts.per_channel_quant;
  object["backend"] = word(set.facts.backend);
  object["gemm"] = name_of(set.facts.gemm);
  object["digest"] = stored.digest;
  object["bytes"] = set.bytes;
  object["canonical"] = set.canonical;
  object["rows"] = stored.rows;
  object["unusable"] = stored.unusable;
  object["imported_at"] = to_text(stored.imported_at);
  object["discarded"] = stored.discarded;
  return object;
}

ordered_json to_json(const CandidateShare& share) {
  return {{"set", share.set}, {"name", share.name}, {"candidates", share.candidates}, {"left_out", share.left_out}};
}

}  // namespace moetune::schema
