#include "daemon/search/eta.hpp"

#include <gtest/gtest.h>

namespace moetune::daemon::search {
namespace {

TEST(EtaTest, KnowsNothingBeforeTheFirstMeasurement) {
  EXPECT_EQ(eta_seconds({.trials = {{1, 10}}}), std::nullopt);
  EXPECT_EQ(eta_seconds({.trials = {{1, 10}}, .seconds_per_trial = {{1, 0.1}}, .compiles = 3}), std::nullopt);
}

TEST(EtaTest, HeavyBatchesCountWithTheirOwnTime) {
  const auto eta = eta_seconds({.trials = {{1, 10}, {4096, 10}}, .seconds_per_trial = {{1, 0.01}, {4096, 1}}});
  EXPECT_NEAR(*eta, 10.1, 1e-9);
}

TEST(EtaTest, ABatchWithoutMeasurementTakesTheMean) {
  EXPECT_NEAR(*eta_seconds({.trials = {{1, 10}, {2, 10}}, .seconds_per_trial = {{1, 0.1}}}), 2.0, 1e-9);
}

TEST(EtaTest, TheSlowerOfCompilingAndMeasuringDecides) {
  Remaining remaining{.trials = {{1, 10}},
                      .seconds_per_trial = {{1, 0.1}},
                      .measure_workers = 1,
                      .compiles = 40,
                      .seconds_per_compile = 0.5,
                      .compile_slots = 4};
  EXPECT_NEAR(*eta_seconds(remaining), 5.0, 1e-9);
  remaining.compile_slots = 40;
  EXPECT_NEAR(*eta_seconds(remaining), 1.0, 1e-9);
}

TEST(EtaTest, NothingLeftIsZero) {
  EXPECT_EQ(eta_seconds({.trials = {{1, 0}}}), 0.0);
}

}  // namespace
}  // namespace moetune::daemon::search
