#include "cli/traffic_file.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/text.hpp"
#include "schema/traffic_log.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::Traffic;

Result<std::vector<Traffic>> read_stream(std::istream& stream, const std::string& shown, std::string name) {
  schema::TrafficLog log;
  std::array<char, 65536> piece{};
  while (stream) {
    stream.read(piece.data(), piece.size());
    log.read({piece.data(), static_cast<std::size_t>(stream.gcount())});
  }
  if (stream.bad()) return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}", shown));
  auto found = log.finish(shown);
  if (!found) return found;
  // A name as long as file systems allow, and as UTF-8 alone can be sent.
  name = printable(name).substr(0, schema::k_max_traffic_name);
  for (Traffic& traffic : *found) traffic.name = name;
  return found;
}

}  // namespace

Result<std::vector<Traffic>> read_traffic(const std::string& path) {
  if (path == "-") return read_stream(std::cin, "stdin", "stdin");
  const std::string shown = printable(path);
  if (path.empty()) return fail(ErrorCode::invalid_argument, "FILE must not be empty");
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: it is a folder", shown));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: {}", shown, std::strerror(errno)));
  return read_stream(file, shown, std::filesystem::path(path).filename().string());
}

}  // namespace moetune::cli
