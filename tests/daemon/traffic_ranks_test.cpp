#include "daemon/sweep/traffic_ranks.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon {
namespace {

using search::BatchRanks;

schema::Traffic counted(std::vector<schema::TrafficBatch> batches) {
  return {"a.log", schema::TrafficSource::cudagraph, 1, std::move(batches)};
}

TEST(TrafficRanksTest, StepsCountAtTheNearestBatch) {
  const auto traffic = counted({{1, 10, {}}, {7, 30, {}}, {60, 20, {}}, {9000, 1, {}}});
  EXPECT_EQ(ranks_by_traffic(traffic, {1, 8, 64, 128}), (BatchRanks{{8, 0}, {64, 1}, {1, 2}, {128, 3}}));
  EXPECT_EQ(ranks_by_traffic(traffic, {64, 8}), (BatchRanks{{8, 0}, {64, 1}})) << "whatever their order";
}

TEST(TrafficRanksTest, ManyTokensTakeLonger) {
  EXPECT_EQ(ranks_by_traffic(counted({{8, 100, {}}, {4096, 20, {}}}), {8, 4096}), (BatchRanks{{4096, 0}, {8, 1}}));
  EXPECT_EQ(ranks_by_traffic(counted({{8, 100, 3.0}, {4096, 20, 4.0}}), {8, 4096}), (BatchRanks{{8, 0}, {4096, 1}}))
      << "the log knows better";
}

TEST(TrafficRanksTest, WithoutTrafficThereAreNone) {
  EXPECT_TRUE(ranks_by_traffic(std::nullopt, {1, 8}).empty());
  EXPECT_TRUE(ranks_by_traffic(counted({{8, 1, {}}}), {}).empty());
}

}  // namespace
}  // namespace moetune::daemon
