#include "daemon/sweep/rows_so_far.hpp"

#include <gtest/gtest.h>

#include "tests/db/store_fixture.hpp"

namespace moetune::daemon {
namespace {

db::ScannedRow row(double us, std::optional<std::string> gpu, std::int64_t at_ms = 1'000) {
  db::ScannedRow row;
  row.key = {1, db::example_config(0)};
  row.latency_us = us;
  row.gpu_uuid = std::move(gpu);
  row.measured_at = {at_ms};
  return row;
}

std::optional<std::string> gpu_b(std::int64_t) {
  return "GPU-b";
}

TEST(RowsSoFarTest, TheFastestRowOfTheBatchsOwnGpuCounts) {
  const std::vector rows = {row(80, "GPU-a"), row(96, "GPU-b"), row(95, "GPU-b"), row(97, std::nullopt)};
  EXPECT_EQ(fastest_so_far(rows, gpu_b), (std::map<std::int64_t, double>{{1, 95}}));
  EXPECT_TRUE(fastest_so_far(std::span(rows).first(1), gpu_b).empty());
}

TEST(RowsSoFarTest, WhatFailedOrWasTakenOverDoesNot) {
  std::vector rows = {row(80, "GPU-b", 500), row(95, "GPU-b"), row(0, "GPU-b")};
  rows.back().status = schema::TrialStatus::launch_error;
  EXPECT_EQ(fastest_so_far(rows, gpu_b, {1'000}), (std::map<std::int64_t, double>{{1, 95}}));
}

}  // namespace
}  // namespace moetune::daemon
