#include "db/sync_path.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace moetune::db {

bool sync_path(const std::filesystem::path& path) {
  const int descriptor = ::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = ::fsync(descriptor) == 0;
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  return synced;
}

}  // namespace moetune::db
