#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace moetune {

/// Everything in a file; empty for one that cannot be read.
inline std::string file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace moetune
