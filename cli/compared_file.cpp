#include "cli/compared_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/engine_file_set.hpp"
#include "cli/text.hpp"
#include "schema/device_name.hpp"
#include "schema/model_shape.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using schema::EngineFileName;
using schema::EngineFormat;
using schema::EngineTable;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<EngineTable> table_at(const fs::path& path) {
  const auto text = engine_file_text(path);
  if (!text) return std::unexpected(text.error());
  const auto because = [&](const schema::Error& error) {
    return fail(error.code, fmt::format("{}: {}; `moetune lint` tells more", printable(path.string()), error.message));
  };
  const auto rows = schema::engine_rows_from_text(*text);
  if (!rows) return because(rows.error());
  auto table = schema::engine_table(*rows);
  if (!table) return because(table.error());
  return table;
}

EngineFormat engine_of(const fs::path& path, const EngineFileName& name, const std::string& kernel) {
  if (const auto named = schema::engine_format_from_name(kernel)) return *named;
  if (name.format) return *name.format;
  std::error_code ignored;
  const bool is_sglang = fs::absolute(path, ignored).parent_path().filename().string().starts_with("triton_");
  return is_sglang ? EngineFormat::sglang : EngineFormat::vllm;
}

Result<ComparedFile> read_file(const std::string& given, const std::string& kernel) {
  const fs::path path(given);
  std::error_code ignored;
  if (!fs::exists(path, ignored) || fs::is_directory(path, ignored)) {
    return fail(ErrorCode::invalid_argument, fmt::format("there is no file {}", printable(given)));
  }
  const auto name = schema::engine_file_name_from_text(given);
  if (!name) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: {}; a file's name tells its problem", printable(given), name.error().message));
  }
  if (name->gemm == schema::Gemm::down) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("{} is for GEMM 2: name the file of GEMM 1, and this one is read with it", printable(given)));
  }
  auto table = table_at(path);
  if (!table) return std::unexpected(table.error());
  ComparedFile file{.path = given,
                    .file = {.name = *name, .text = path.filename().string(), .engine = engine_of(path, *name, kernel)},
                    .table = std::move(*table),
                    .down = {}};
  const fs::path partner = path.parent_path() / (path.stem().string() + "_down.json");
  if (file.file.engine != EngineFormat::sglang || !fs::exists(partner, ignored)) return file;
  auto down = table_at(partner);
  if (!down) return std::unexpected(down.error());
  file.down = std::move(*down);
  return file;
}

/// What must be the same of files that are measured together, whoever spelt them.
bool is_same_problem(EngineFileName one, EngineFileName other) {
  for (EngineFileName* name : {&one, &other}) {
    name->format.reset();
    name->exact = false;
  }
  return one == other;
}

}  // namespace

Result<ComparedFile::Row> ComparedFile::row_for(std::int64_t batch) const {
  const auto& [key, config] = table.row_for(batch);
  if (!down) return Row{key, config};
  const auto& [down_key, down_config] = down->row_for(batch);
  if (down_config.block_size_m != config.block_size_m) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("{}: at batch {} it has BLOCK_SIZE_M {} (key {}), and its _down.json {} (key {}): both GEMMs "
                    "share one alignment, and SGLang fails",
                    printable(path), batch, config.block_size_m, key, down_config.block_size_m, down_key));
  }
  return Row{key, paired(config, down_config)};
}

Result<std::vector<ComparedFile>> read_compared_files(const std::vector<std::string>& paths,
                                                      const std::string& kernel) {
  std::vector<ComparedFile> files;
  for (const std::string& path : paths) {
    auto file = read_file(path, kernel);
    if (!file) return std::unexpected(file.error());
    if (!files.empty() && !is_same_problem(files.front().file.name, file->file.name)) {
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("{} and {} are for different problems or devices: files are compared that an engine would "
                      "read in the place of each other",
                      printable(paths.front()), printable(path)));
    }
    files.push_back(std::move(*file));
  }
  return files;
}

bool is_device(const std::string& in_name, const std::string& of_rows) {
  return std::ranges::any_of(std::array{schema::EngineFormat::vllm, schema::EngineFormat::sglang},
                             [&](auto engine) { return schema::device_in_file_name(engine, of_rows) == in_name; });
}

std::vector<std::int64_t> telling_batches_of(const std::vector<ComparedFile>& files, std::int64_t max_batch) {
  std::vector<std::int64_t> keys;
  for (const ComparedFile& file : files) {
    for (const EngineTable* table : {&file.table, file.down ? &*file.down : nullptr}) {
      if (table == nullptr) continue;
      for (const auto& [key, config] : table->rows) keys.push_back(key);
    }
  }
  return schema::telling_batches(keys, max_batch);
}

}  // namespace moetune::cli
