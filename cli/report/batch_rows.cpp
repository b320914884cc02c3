#include "cli/report/batch_rows.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace moetune::cli {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<std::vector<schema::Trial>> ok_rows(const Client& client, Query filter, std::int64_t batch) {
  filter.add("batch", std::to_string(batch));
  filter.add("status", "ok");
  const auto items = client.list("/trials", filter);
  if (!items) return std::unexpected(items.error());
  std::vector<schema::Trial> rows;
  for (const auto& item : *items) {
    auto row = schema::trial_from_json(item);
    if (!row) return fail(ErrorCode::data_damaged, fmt::format("a row of /trials: {}", row.error().message));
    rows.push_back(std::move(*row));
  }
  return rows;
}

}  // namespace moetune::cli
