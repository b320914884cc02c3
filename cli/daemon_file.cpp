#include "cli/daemon_file.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "schema/strict_json.hpp"

namespace moetune::cli {

using schema::ErrorCode;
using schema::fail;

schema::Result<std::optional<DaemonFile>> read_daemon_file(const std::filesystem::path& data_dir) {
  const auto path = data_dir / "daemon.json";
  std::ifstream file(path);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return fail(ErrorCode::io, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  }
  std::ostringstream text;
  text << file.rdbuf();
  const auto damaged = [&] {
    return fail(ErrorCode::data_damaged,
                fmt::format("{} does not hold a daemon's url and pid; remove it if no moetuned "
                            "runs on this data folder",
                            path.string()));
  };
  const auto value = schema::parse_json(text.str(), path.string());
  if (!value) return damaged();
  schema::ObjectReader reader(*value, "daemon.json");
  DaemonFile daemon;
  daemon.url = reader.text("url");
  daemon.pid = static_cast<int>(reader.integer("pid", 1, std::numeric_limits<int>::max()));
  if (!reader.ok()) return damaged();
  return daemon;
}

bool process_lives(int pid) {
  return ::kill(pid, 0) == 0 || errno == EPERM;
}

}  // namespace moetune::cli
