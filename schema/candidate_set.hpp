#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/engine_file_name.hpp"
#include "schema/engine_rows.hpp"
#include "schema/error.hpp"
#include "schema/timestamp.hpp"

namespace moetune::schema {

/// An engine's file as somebody hands it in.
struct CandidateFile {
  std::string path;  ///< where it lay; only its words are looked at, nothing is opened
  std::optional<std::string> engine_version;
  std::string text;
};

inline constexpr std::size_t k_max_candidate_path = 4096;   ///< bytes
inline constexpr std::size_t k_max_candidate_files = 1000;  ///< of one request

/// {"files": [{"path", "text", "engine_version"}]}; the version may be null or left out. Errors: invalid_argument.
Result<std::vector<CandidateFile>> candidate_files_from_json(const nlohmann::json& value);

/// The words of a path that say whose file it is. A path may lack any of them.
struct CandidateOrigin {
  std::optional<EngineFormat> engine;
  std::optional<std::string> engine_version;
  std::optional<std::string> folder;  ///< "triton_3_5_1", the folder of a Triton version, as SGLang has them
  bool operator==(const CandidateOrigin&) const = default;
};

/// What is known of a file of an engine without its rows.
struct CandidateFacts {
  std::string name;  ///< origin and file name: "sglang-0.5.23/triton_3_5_1/E=8,N=512,device_name=NVIDIA_H200.json"
  std::string path;
  std::string file;  ///< the last part of the path
  CandidateOrigin origin;
  EngineFileName facts;    ///< of `file`
  std::int64_t bytes = 0;  ///< size of the file
  bool canonical = false;  ///< written as the engines' tuners write today: engine_rows_text() gives its very bytes

  bool operator==(const CandidateFacts&) const = default;
};

/// A file of an engine, read: tiles that may be worth trying, and where they come from.
struct CandidateSet : CandidateFacts {
  EngineRows rows;

  bool operator==(const CandidateSet&) const = default;
};

/// Errors: invalid_argument, too_large when name or text are not those of an engine's file.
Result<CandidateSet> candidate_set_from_file(const CandidateFile& file);

/// What of a file's rows may run as the Triton kernel's tile, and how many rows cannot.
struct CandidateTiles {
  std::vector<std::pair<std::int64_t, TileConfig>> rows;  ///< by batch, ascending, as the file has them
  std::int64_t unusable = 0;
};

/// The rows that the engine would find (of a repeated key the last). Fields beyond the tile's six, AMD's among them,
/// are left aside. Unusable: rows of another kernel (EngineFileName::backend) or with SPLIT_K above 1, without a whole
/// tile, and keys that are no batch size.
CandidateTiles candidate_tiles(const CandidateSet& set);

/// A set as the database lists it.
struct StoredCandidateSet {
  std::int64_t id = 0;
  CandidateFacts set;
  std::optional<std::string> triton_version;  ///< what the file itself says
  std::string digest;                         ///< SHA-256 of the file's bytes, hex
  std::int64_t rows = 0;                      ///< those that are tiles
  std::int64_t unusable = 0;                  ///< CandidateTiles::unusable
  Timestamp imported_at;
  bool discarded = false;  ///< no new sweep tries it
};

/// What a sweep needs of a set.
struct SeedingSet {
  std::int64_t id = 0;
  std::string name;
  std::string device;  ///< as the file's name spells it
  CandidateTiles tiles;
};

/// One element of GET /candidates.
nlohmann::ordered_json to_json(const StoredCandidateSet& stored);

/// What a sweep took of one set.
struct CandidateShare {
  std::int64_t set = 0;
  std::string name;             ///< of the set
  std::int64_t candidates = 0;  ///< pairs of batch and configuration
  std::int64_t left_out = 0;    ///< rows that are no tile of the kernel, or do not fit the sweep's GPU
  bool operator==(const CandidateShare&) const = default;
};
nlohmann::ordered_json to_json(const CandidateShare& share);

}  // namespace moetune::schema
