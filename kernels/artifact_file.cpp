#include "kernels/artifact_file.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "kernels/atomic_file.hpp"
#include "kernels/sha256.hpp"
#include "schema/strict_json.hpp"

namespace moetune::kernels {
namespace {

using nlohmann::json;
using schema::ErrorCode;
using schema::fail;
using schema::ObjectReader;
using schema::Result;

constexpr std::string_view k_magic = "MOETUNE\n";
constexpr std::uint32_t k_version = 1;
constexpr int k_compression_level = 3;
constexpr std::size_t k_max_header = 1 << 20;
constexpr std::size_t k_max_cubin = 64U << 20;
/// The smallest block of a zstd frame has 4 bytes, the largest content of a block 128 KiB.
constexpr std::size_t k_max_expansion = 32 << 10;
constexpr std::size_t k_max_file = k_max_cubin + (2U << 20);
constexpr std::size_t k_max_log = 64 * 1024;
constexpr std::size_t k_digest_bytes = std::tuple_size_v<Sha256Digest>;

template <typename T>
void append_integer(std::string& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFFU);
}

/// Takes pieces off the front of a file; once something is missing, every later piece is empty.
class Pieces {
 public:
  explicit Pieces(std::string_view bytes) : bytes_(bytes) {}

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size()) {
      complete_ = false;
      bytes_ = {};
      return {};
    }
    const auto piece = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return piece;
  }
  template <typename T>
  T take_integer() {
    T value = 0;
    const auto piece = take(sizeof(T));
    for (std::size_t i = 0; i < piece.size(); ++i)
      value |= static_cast<T>(static_cast<T>(static_cast<std::uint8_t>(piece[i])) << (8 * i));
    return value;
  }
  /// Nothing was missing and nothing is left.
  bool exhausted() const { return complete_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool complete_ = true;
};

Result<ArtifactInfo> artifact_info_from_json(const json& value) {
  ObjectReader reader(value, "info");
  ArtifactInfo info;
  if (auto status = schema::trial_status_from_name(reader.text("status"))) {
    info.status = *status;
  } else {
    reader.adopt(status.error());
  }
  info.shared_bytes = reader.integer("shared_bytes", 0, ObjectReader::k_max);
  info.registers = reader.integer("registers", 0, ObjectReader::k_max);
  info.spill_bytes = reader.integer("spill_bytes", 0, ObjectReader::k_max);
  info.seconds = reader.number("seconds", 0, 1e9);
  info.log_tail = reader.text("log_tail", k_max_log);
  if (const json* launch = reader.raw("launch")) {
    info.launch = *launch;
    if (!launch->is_object()) reader.reject("launch", "must be an object");
  }
  if (auto time = schema::timestamp_from_text(reader.text("compiled_at"))) {
    info.compiled_at = *time;
  } else {
    reader.adopt(time.error());
  }
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return info;
}

Result<std::string> compress(std::string_view bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const auto size = ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), k_compression_level);
  if (ZSTD_isError(size) != 0) {
    return fail(ErrorCode::internal, fmt::format("zstd cannot compress a kernel: {}", ZSTD_getErrorName(size)));
  }
  packed.resize(size);
  return packed;
}

Result<std::string> decompress(std::string_view packed) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail(ErrorCode::data_damaged, "its code is not a zstd frame of known size");
  }
  if (size > k_max_cubin || size > packed.size() * k_max_expansion) {
    return fail(ErrorCode::data_damaged, "its code claims a size that it cannot have");
  }
  std::string bytes(size, '\0');
  const auto got = ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) != 0 || got != size) return fail(ErrorCode::data_damaged, "its code does not decompress");
  return bytes;
}

/// Everything of a file before its checksum.
Result<Artifact> parse_body(std::string_view body) {
  Pieces pieces(body);
  if (pieces.take(k_magic.size()) != k_magic) return fail(ErrorCode::data_damaged, "it is not an artifact");
  if (const auto version = pieces.take_integer<std::uint32_t>(); version != k_version) {
    return fail(ErrorCode::data_damaged, fmt::format("its format is {}, this moetune reads {}", version, k_version));
  }
  const auto header_bytes = pieces.take(pieces.take_integer<std::uint32_t>());
  const auto packed = pieces.take(pieces.take_integer<std::uint64_t>());
  if (!pieces.exhausted() || header_bytes.size() > k_max_header) {
    return fail(ErrorCode::data_damaged, "its lengths do not add up");
  }
  const auto header = schema::parse_json(header_bytes, "artifact header");
  if (!header) return fail(ErrorCode::data_damaged, header.error().message);
  ObjectReader reader(*header, "artifact header");
  const json* parts_json = reader.required_raw("parts");
  const json* info_json = reader.required_raw("info");
  if (auto done = reader.finish(); !done) return fail(ErrorCode::data_damaged, done.error().message);
  auto parts = artifact_parts_from_json(*parts_json);
  auto info = artifact_info_from_json(*info_json);
  auto cubin = decompress(packed);
  if (!parts) return fail(ErrorCode::data_damaged, parts.error().message);
  if (!info) return fail(ErrorCode::data_damaged, info.error().message);
  if (!cubin) return std::unexpected(cubin.error());
  return Artifact{std::move(*parts), std::move(*info), std::move(*cubin)};
}

Result<Artifact> parse_file(std::string_view bytes) {
  if (bytes.size() < k_digest_bytes) return fail(ErrorCode::data_damaged, "it is cut off");
  const auto body = bytes.substr(0, bytes.size() - k_digest_bytes);
  const auto digest = sha256(body);
  if (std::memcmp(digest.data(), bytes.data() + body.size(), k_digest_bytes) != 0) {
    return fail(ErrorCode::data_damaged, "its checksum does not match");
  }
  return parse_body(body);
}

}  // namespace

nlohmann::ordered_json to_json(const ArtifactParts& parts) {
  return {{"kernel", parts.kernel}, {"kernel_digest", parts.kernel_digest}, {"compiler", parts.compiler},
          {"arch", parts.arch},     {"unit", name_of(parts.unit)},          {"options", parts.options}};
}

nlohmann::ordered_json to_json(const ArtifactInfo& info) {
  nlohmann::ordered_json object = {{"status", schema::name_of(info.status)},
                                   {"shared_bytes", info.shared_bytes},
                                   {"registers", info.registers},
                                   {"spill_bytes", info.spill_bytes},
                                   {"seconds", info.seconds},
                                   {"log_tail", info.log_tail},
                                   {"compiled_at", schema::to_text(info.compiled_at)}};
  if (!info.launch.empty()) object["launch"] = info.launch;
  return object;
}

Result<ArtifactParts> artifact_parts_from_json(const json& value) {
  ObjectReader reader(value, "artifact parts");
  ArtifactParts parts;
  parts.kernel = reader.text("kernel");
  parts.kernel_digest = reader.text("kernel_digest");
  parts.compiler = reader.text("compiler");
  parts.arch = reader.text("arch");
  if (auto unit = unit_from_name(reader.text("unit"))) {
    parts.unit = *unit;
  } else {
    reader.adopt(unit.error());
  }
  if (const json* options = reader.required_raw("options")) {
    parts.options = *options;
    if (!options->is_object()) reader.reject("options", "must be an object");
  }
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return parts;
}

ArtifactKey ArtifactKey::of(const ArtifactParts& parts) {
  // nlohmann::json, unlike its ordered sibling, sorts the names: equal parts give equal text.
  return ArtifactKey(sha256_hex(json(to_json(parts)).dump(-1, ' ', true)));
}

Result<ArtifactKey> ArtifactKey::from_hex(std::string_view hex) {
  const bool digits = std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!digits || hex.size() != 2 * k_digest_bytes) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("an artifact key has 64 lower-case hex digits, \"{}\" has not", hex.substr(0, 80)));
  }
  return ArtifactKey(std::string(hex));
}

std::filesystem::path artifact_path(const std::filesystem::path& cache, const ArtifactKey& key) {
  return cache / "artifacts" / key.hex().substr(0, 2) / (key.hex() + ".art");
}

Result<std::int64_t> write_artifact(const std::filesystem::path& path, const Artifact& artifact) {
  const auto packed = compress(artifact.cubin);
  if (!packed) return std::unexpected(packed.error());
  const auto header = json{{"parts", to_json(artifact.parts)}, {"info", to_json(artifact.info)}}.dump(-1, ' ', true);
  std::string bytes(k_magic);
  append_integer(bytes, k_version);
  append_integer(bytes, static_cast<std::uint32_t>(header.size()));
  bytes += header;
  append_integer(bytes, static_cast<std::uint64_t>(packed->size()));
  bytes += *packed;
  const auto digest = sha256(bytes);
  bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());

  auto file = AtomicFile::create(path);
  if (!file) return std::unexpected(file.error());
  if (auto written = file->write(bytes); !written) return std::unexpected(written.error());
  // Two syncs cost 10 ms, a hundred times the rest. What a power loss does to a file, its checksum tells.
  if (auto committed = file->commit(Sync::no); !committed) return std::unexpected(committed.error());
  return static_cast<std::int64_t>(bytes.size());
}

Result<Artifact> read_artifact(const std::filesystem::path& path) {
  const auto bytes = read_file(path, k_max_file);
  if (!bytes && bytes.error().code == ErrorCode::too_large) {
    return fail(ErrorCode::data_damaged, bytes.error().message);
  }
  if (!bytes) return std::unexpected(bytes.error());
  auto artifact = parse_file(*bytes);
  if (!artifact) {
    return fail(artifact.error().code, fmt::format("{} is damaged: {}", path.string(), artifact.error().message));
  }
  return artifact;
}

Result<Artifact> read_artifact(const std::filesystem::path& path, const ArtifactKey& key) {
  auto artifact = read_artifact(path);
  if (artifact && ArtifactKey::of(artifact->parts) != key) {
    return fail(ErrorCode::data_damaged, fmt::format("{} is damaged: it holds another artifact", path.string()));
  }
  return artifact;
}

}  // namespace moetune::kernels
