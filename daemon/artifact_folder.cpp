#include "daemon/artifact_folder.hpp"

#include <string>
#include <system_error>

#include "kernels/atomic_file.hpp"

namespace moetune::daemon {
namespace {

namespace fs = std::filesystem;
using kernels::ArtifactKey;
using schema::Result;

/// The entries of a folder; none when it cannot be read.
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator(); at.increment(error)) {
    entries.push_back(*at);
  }
  return entries;
}

void append_files(const fs::path& folder, std::string_view prefix, std::vector<ArtifactFile>& files) {
  for (const auto& entry : entries_of(folder)) {
    const auto& path = entry.path();
    const auto name = path.stem().string();
    if (path.extension() != ".art" || !name.starts_with(prefix)) continue;
    std::error_code error;
    const auto bytes = entry.file_size(error);
    const auto key = ArtifactKey::from_hex(name);
    if (key && !error) files.push_back({.key = *key, .bytes = static_cast<std::int64_t>(bytes)});
  }
}

}  // namespace

Result<void> ArtifactFolder::check_writable() const {
  auto probe = kernels::AtomicFile::create(folder_ / "artifacts" / "probe");
  if (!probe) return std::unexpected(probe.error());
  return {};
}

Result<std::int64_t> ArtifactFolder::write(const kernels::Artifact& artifact) const {
  return kernels::write_artifact(path(ArtifactKey::of(artifact.parts)), artifact);
}

Result<kernels::Artifact> ArtifactFolder::read(const ArtifactKey& key) const {
  return kernels::read_artifact(path(key), key);
}

std::int64_t ArtifactFolder::remove(const ArtifactKey& key) const {
  std::error_code error;
  const auto bytes = fs::file_size(path(key), error);
  if (error || !fs::remove(path(key), error)) return 0;
  return static_cast<std::int64_t>(bytes);
}

std::vector<ArtifactFile> ArtifactFolder::list() const {
  std::vector<ArtifactFile> files;
  for (const auto& folder : entries_of(folder_ / "artifacts")) append_files(folder.path(), "", files);
  return files;
}

std::vector<ArtifactFile> ArtifactFolder::list(std::string_view prefix) const {
  std::vector<ArtifactFile> files;
  append_files(folder_ / "artifacts" / prefix.substr(0, 2), prefix, files);
  return files;
}

void ArtifactFolder::remove_temporaries(std::chrono::seconds age) const {
  const auto oldest = fs::file_time_type::clock::now() - age;
  for (const auto& folder : entries_of(folder_ / "artifacts")) {
    for (const auto& entry : entries_of(folder.path())) {
      if (!entry.path().filename().string().starts_with(kernels::AtomicFile::k_temporary_prefix)) continue;
      std::error_code error;
      const auto changed = entry.last_write_time(error);
      if (!error && changed < oldest) fs::remove(entry.path(), error);
    }
  }
}

}  // namespace moetune::daemon
