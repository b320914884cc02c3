#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/daemon_options.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// The daemon with its parts wired together: store, kernel cache, scheduler, HTTP. A living object serves; destroying
/// it stops it cleanly. Create it after the signals that are to stop it have been blocked.
class DaemonApp {
 public:
  /// Errors: those of the parts: a held or damaged database, a port in use, a folder that cannot be written.
  static schema::Result<std::unique_ptr<DaemonApp>> start(const DaemonOptions& options);
  ~DaemonApp();

  const std::string& url() const;
  /// No sweep is queued or running.
  bool idle() const;
  /// Requests answered so far.
  std::uint64_t requests_answered() const;

 private:
  struct Parts;
  explicit DaemonApp(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace moetune::daemon
