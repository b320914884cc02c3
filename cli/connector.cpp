#include "cli/connector.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include "cli/daemon_file.hpp"
#include "cli/daemon_launcher.hpp"

namespace moetune::cli {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<Client> Connector::client_for(std::string url) const {
  return Client::make(Endpoint{std::move(url), settings_.token});
}

bool Connector::is_alive(int pid) {
  // A child that has ended stays a process until somebody waits for it.
  if (started_ == pid && ::waitpid(pid, nullptr, WNOHANG) == pid) return false;
  return process_lives(pid);
}

Result<std::optional<Client>> Connector::look_at_daemon_file() {
  const auto file = read_daemon_file(settings_.data_dir);
  if (!file) return std::unexpected(file.error());
  if (!*file || !is_alive((*file)->pid)) return std::nullopt;
  auto client = client_for((*file)->url);
  if (!client) return std::unexpected(client.error());
  const auto health = client->health();
  if (health || !is_connection_error(health.error())) return std::move(*client);
  if (health.error().detail["connection"] == "refused")
    return std::nullopt;  // the number belongs to another process now
  return fail(ErrorCode::unavailable,
              fmt::format("the daemon at {} (process {}) does not answer; stop it (kill {}) and try again",
                          (*file)->url, (*file)->pid, (*file)->pid),
              {{"connection", "broken"}});
}

Result<Connector::Found> Connector::look_at_default_address() {
  auto client = client_for(settings_.default_url);
  if (!client) return std::unexpected(client.error());
  const auto health = client->health();
  const bool is_moetuned = health && health->is_object() && health->contains("version") && health->contains("status");
  if (!is_moetuned && (health || health.error().code != ErrorCode::unauthorized)) {
    return Found{std::nullopt,
                 fmt::format("no daemon runs on {} or at {}", settings_.data_dir.string(), settings_.default_url)};
  }
  if (settings_.data_dir_is_given && !noted_default_) {
    notes_.line(
        fmt::format("no daemon runs on {}; using the one at {}", settings_.data_dir.string(), settings_.default_url));
    noted_default_ = true;
  }
  return Found{std::move(*client), ""};
}

Result<Connector::Found> Connector::look() {
  if (settings_.server) {
    auto client = client_for(*settings_.server);
    if (!client) return fail(client.error().code, fmt::format("--server: {}", client.error().message));
    return Found{std::move(*client), ""};
  }
  auto client = look_at_daemon_file();
  if (!client) return std::unexpected(client.error());
  if (*client) {
    has_own_daemon_ = true;
    return Found{std::move(*client), ""};
  }
  // A daemon.json is left behind by a daemon that was killed: the one at the default address is another's.
  std::error_code ignored;
  if (has_own_daemon_ || std::filesystem::exists(settings_.data_dir / "daemon.json", ignored)) {
    return Found{std::nullopt, fmt::format("the daemon of {} has ended", settings_.data_dir.string())};
  }
  return look_at_default_address();
}

Result<Client> Connector::find() {
  auto found = look();
  if (!found) return std::unexpected(found.error());
  if (found->client) return std::move(*found->client);
  return fail(ErrorCode::unavailable, found->why_not, {{"connection", "refused"}});
}

Result<Client> Connector::connect(std::chrono::seconds idle) {
  auto found = find();
  if (found || settings_.server || !is_connection_error(found.error())) return found;
  if (found.error().detail["connection"] != "refused") return found;
  std::error_code ignored;
  if (!std::filesystem::exists(settings_.executable, ignored)) {
    return fail(ErrorCode::unavailable,
                fmt::format("{}, and there is no {} to start; start moetuned, or name a daemon with "
                            "--server URL",
                            found.error().message, settings_.executable.string()));
  }
  const auto launched = launch_daemon(LaunchPlan{settings_.executable, settings_.data_dir, idle});
  if (!launched) {
    auto other = find();  // somebody else may have started one at the same moment
    if (other) return other;
    return std::unexpected(launched.error());
  }
  started_ = launched->pid;
  has_own_daemon_ = true;
  notes_.line(fmt::format("started moetuned (pid {}), it ends when idle; log: {}", launched->pid,
                          (settings_.data_dir / "daemon.log").string()));
  return client_for(launched->url);
}

}  // namespace moetune::cli
