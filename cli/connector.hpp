#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/client.hpp"
#include "cli/output.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// How long a daemon that a command starts stays without work before it ends.
inline constexpr std::chrono::seconds k_idle_after_tune{600};  ///< time to look at the result, export it, ask it
inline constexpr std::chrono::seconds k_idle_after_query{15};

/// Finds the daemon that a command talks to: the one of --server, else the one that daemon.json of the data folder
/// names, else the one at the default address; else starts one. Not thread-safe.
class Connector {
 public:
  struct Settings {
    std::optional<std::string> server = {};
    std::filesystem::path data_dir;  ///< absolute
    bool data_dir_is_given = false;  ///< by --data-dir: somebody else's daemon is worth a note then
    std::string token = {};
    std::string default_url = "http://127.0.0.1:8765";
    std::filesystem::path executable;  ///< moetuned
  };
  /// `notes` outlives the connector; it is told when a daemon is started.
  Connector(Settings settings, Output& notes) : settings_(std::move(settings)), notes_(notes) {}

  /// A daemon that is there. Errors: unavailable when there is none, or when one is there and does not answer.
  schema::Result<Client> find();
  /// A daemon that is there, else one that is started, with `idle` as its time without work.
  schema::Result<Client> connect(std::chrono::seconds idle);
  /// Whether the daemon that is talked to was started by this process.
  bool has_started_one() const { return started_.has_value(); }
  const Settings& settings() const { return settings_; }

 private:
  struct Found {
    std::optional<Client> client;
    std::string why_not;  ///< what was looked for, when there is no client
  };
  schema::Result<Found> look();
  schema::Result<std::optional<Client>> look_at_daemon_file();
  schema::Result<Found> look_at_default_address();
  schema::Result<Client> client_for(std::string url) const;
  bool is_alive(int pid);

  Settings settings_;
  Output& notes_;
  std::optional<pid_t> started_;
  bool has_own_daemon_ = false;  ///< the data folder's daemon was talked to: no other one will do
  bool noted_default_ = false;
};

}  // namespace moetune::cli
