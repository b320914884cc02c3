#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kernels/worker_protocol.hpp"
#include "schema/error.hpp"
#include "schema/timestamp.hpp"
#include "schema/trial.hpp"

namespace moetune::kernels {

/// Everything that a compiled kernel depends on. Two equal values name the same artifact.
struct ArtifactParts {
  std::string kernel;         ///< "cuda"
  std::string kernel_digest;  ///< digest of the kernel's source, and of how its engine launches it
  std::string compiler;       ///< "nvrtc 13.0"
  std::string arch;           ///< "sm_90a"
  Unit unit = Unit::gemm;
  nlohmann::json options = nlohmann::json::object();  ///< every constant that the source is compiled with, as an object

  bool operator==(const ArtifactParts&) const = default;
};

nlohmann::ordered_json to_json(const ArtifactParts& parts);
schema::Result<ArtifactParts> artifact_parts_from_json(const nlohmann::json& value);

/// SHA-256 of the canonical JSON of ArtifactParts: the name of an artifact, 64 lower-case hex digits.
class ArtifactKey {
 public:
  static ArtifactKey of(const ArtifactParts& parts);
  /// Errors: invalid_argument.
  static schema::Result<ArtifactKey> from_hex(std::string_view hex);
  const std::string& hex() const { return hex_; }
  auto operator<=>(const ArtifactKey&) const = default;

 private:
  explicit ArtifactKey(std::string hex) : hex_(std::move(hex)) {}
  std::string hex_;
};

/// What is known about a compilation, successful or not.
struct ArtifactInfo {
  schema::TrialStatus status = schema::TrialStatus::ok;  ///< anything else: a failure that is remembered, without code
  std::int64_t shared_bytes = 0;                         ///< dynamic shared memory of one block
  std::int64_t registers = 0;                            ///< per thread, 0 when not known
  std::int64_t spill_bytes = 0;                          ///< local memory per thread, 0 when not known
  double seconds = 0;                                    ///< wall time of the compiler
  std::string log_tail;
  nlohmann::json launch = nlohmann::json::object();  ///< how Triton's kernels are launched (TritonLaunch); else empty
  schema::Timestamp compiled_at;

  bool operator==(const ArtifactInfo&) const = default;
};
nlohmann::ordered_json to_json(const ArtifactInfo& info);

/// One compiled kernel, or one remembered failure (status not ok, cubin empty).
struct Artifact {
  ArtifactParts parts;
  ArtifactInfo info;
  std::string cubin;

  bool operator==(const Artifact&) const = default;
};

/// <cache>/artifacts/ab/abcdef....art
std::filesystem::path artifact_path(const std::filesystem::path& cache, const ArtifactKey& key);

/// Writes the file atomically and returns its size in bytes. Layout, integers little-endian: "MOETUNE\n", version
/// (u32), length of the header (u32), header (JSON of parts and info), length of the code (u64), the code compressed
/// with zstd, SHA-256 of all that. Not synced: a power loss costs a compilation. Errors: io.
schema::Result<std::int64_t> write_artifact(const std::filesystem::path& path, const Artifact& artifact);

/// Reads and checks the whole file. Errors: not_found; data_damaged (cut, altered, of another version); io.
schema::Result<Artifact> read_artifact(const std::filesystem::path& path);
/// The same, and the file must hold what `key` names. Errors: also data_damaged when it holds something else.
schema::Result<Artifact> read_artifact(const std::filesystem::path& path, const ArtifactKey& key);

}  // namespace moetune::kernels
