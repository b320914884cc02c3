#include "daemon/daemon_file.hpp"

#include <unistd.h>

#include <utility>

#include "daemon/temporary_file.hpp"

namespace moetune::daemon {

schema::Result<DaemonFile> DaemonFile::write(const std::filesystem::path& data_dir, const std::string& url) {
  auto file = TemporaryFile::create(data_dir);
  if (!file) return std::unexpected(file.error());
  const nlohmann::ordered_json content{{"url", url}, {"pid", ::getpid()}};
  if (auto written = file->write(content.dump() + "\n"); !written) return std::unexpected(written.error());
  auto path = data_dir / "daemon.json";
  if (auto renamed = file->rename_to(path); !renamed) return std::unexpected(renamed.error());
  return DaemonFile(std::move(path));
}

DaemonFile::DaemonFile(DaemonFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

DaemonFile::~DaemonFile() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

}  // namespace moetune::daemon
