#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"
#include "schema/group.hpp"

namespace moetune::daemon {

/// Rows of a recording that one sweep could look up, whatever digest and compiler they have.
struct RecordedGroup {
  std::string device;
  schema::Problem problem;
  std::string kernel;
  schema::L2 l2 = schema::L2::cold;
  std::string routing;
  std::int64_t rows = 0;
};

/// What a recording holds, in the order of its rows. Reads the whole file. Errors: io; invalid_argument with the line
/// number for a bad row; too_large; data_damaged.
schema::Result<std::vector<RecordedGroup>> recorded_groups(const std::filesystem::path& path);

nlohmann::ordered_json to_json(const RecordedGroup& group);

/// An error about an upload's file, told by the id that clients know it by.
schema::Error in_terms_of_upload(schema::Error error, const std::filesystem::path& path, std::string_view id);

}  // namespace moetune::daemon
