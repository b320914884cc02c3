#pragma once

#include <filesystem>

namespace moetune::db {

/// Makes what a file holds, or the names that a folder holds, survive a power loss. False with errno set when refused.
bool sync_path(const std::filesystem::path& path);

}  // namespace moetune::db
