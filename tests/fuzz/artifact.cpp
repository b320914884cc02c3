#include <algorithm>
#include <string>
#include <string_view>

#include "kernels/artifact_file.hpp"
#include "kernels/sha256.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/scratch_folder.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using kernels::Artifact;
using kernels::ArtifactKey;

const ScratchFolder& folder() {
  static const ScratchFolder folder;
  return folder;
}

template <typename T>
void append_integer(std::string& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFFU);
}

/// A file whose lengths are right, of a header and packed code that need not be.
std::string assembled(std::string_view header, std::string_view packed) {
  std::string bytes = "MOETUNE\n";
  append_integer(bytes, std::uint32_t{1});
  append_integer(bytes, static_cast<std::uint32_t>(header.size()));
  bytes += header;
  append_integer(bytes, static_cast<std::uint64_t>(packed.size()));
  bytes += packed;
  return bytes;
}

std::string with_checksum(std::string bytes) {
  const auto digest = kernels::sha256(bytes);
  bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return bytes;
}

/// 'p': a header, a zero byte and packed code, to be put together; 'c': a file that lacks its checksum; everything else
/// is a file as it is.
std::string file_of(std::string_view input) {
  if (input.starts_with('c')) return with_checksum(std::string(input.substr(1)));
  if (!input.starts_with('p')) return std::string(input);
  input.remove_prefix(1);
  const auto end = std::min(input.find('\0'), input.size());
  return with_checksum(assembled(input.substr(0, end), input.substr(std::min(end + 1, input.size()))));
}

void demand_round_trip(const Artifact& artifact) {
  const auto key = ArtifactKey::of(artifact.parts);
  const auto copy = folder().path() / "copy.art";
  const auto written = write_artifact(copy, artifact);
  demand(written && std::filesystem::file_size(copy) == static_cast<std::uintmax_t>(*written),
         "an artifact that was read can be written");
  const auto read = read_artifact(copy, key);
  demand(read && *read == artifact, "an artifact that was written is read as it was");
  const auto key_again = ArtifactKey::from_hex(key.hex());
  demand(key_again && *key_again == key, "the text of a key is a key");
}

}  // namespace

void try_input(std::string_view input) {
  const auto path = folder().write("input.art", file_of(input));
  const auto artifact = kernels::read_artifact(path);
  if (artifact) {
    demand_round_trip(*artifact);
    return;
  }
  demand_reason(artifact.error());
  demand(artifact.error().code == schema::ErrorCode::data_damaged, "a file that does not hold together is damaged");
  demand(artifact.error().message.starts_with(path.string()), "the message begins with the path");
}

}  // namespace moetune::fuzz
