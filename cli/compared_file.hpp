#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "schema/engine_log.hpp"
#include "schema/engine_table.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// An engine's file to be measured, as the engine would read it.
struct ComparedFile {
  std::string path;                         ///< as the person gave it
  schema::LoggedFile file;                  ///< what its name says, and the engine
  schema::EngineTable table;                ///< both GEMMs', or GEMM 1's where there is `down`
  std::optional<schema::EngineTable> down;  ///< of SGLang's X_down.json beside it

  /// The row that the engine takes for `batch` tokens: its key, and what both GEMMs run with.
  struct Row {
    std::int64_t key = 0;
    schema::TileConfig config;
  };
  /// Errors: invalid_argument where the two files have different BLOCK_SIZE_M for that batch, at which SGLang fails.
  schema::Result<Row> row_for(std::int64_t batch) const;
};

/// Reads the files, all of one problem and device. `kernel`: decides the engine where it is one; else the name's
/// spelling and the folder do. Errors: invalid_argument naming the file, also for one of GEMM 2 alone and for names
/// that differ in more than the engine's spelling; io.
schema::Result<std::vector<ComparedFile>> read_compared_files(const std::vector<std::string>& paths,
                                                              const std::string& kernel);

/// Whether the device in a file's name may be the one that rows were measured on, which are kept under vLLM's spelling:
/// every device with H200 among the words of its name is NVIDIA_H200 there, while SGLang keeps the driver's name.
bool is_device(const std::string& in_name, const std::string& of_rows);

/// telling_batches() of the keys of all of them.
std::vector<std::int64_t> telling_batches_of(const std::vector<ComparedFile>& files, std::int64_t max_batch);

}  // namespace moetune::cli
