#include "kernels/fault_injection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::kernels {
namespace {

using ::testing::HasSubstr;

TEST(FaultInjectionTest, ReadsKindsAndConditions) {
  const auto faults = faults_from_text("abort@BLOCK_SIZE_M=64,num_stages=3;hang;print@once=/a/b").value();
  ASSERT_EQ(faults.size(), 3);
  EXPECT_EQ(faults[0].kind, FaultKind::abort);
  EXPECT_EQ(faults[0].when, (std::map<std::string, std::string>{{"BLOCK_SIZE_M", "64"}, {"num_stages", "3"}}));
  EXPECT_EQ(faults[1].kind, FaultKind::hang);
  EXPECT_EQ(faults[2].once, "/a/b");
  EXPECT_TRUE(faults_from_text("")->empty());
}

TEST(FaultInjectionTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(faults_from_text("explode").error().message, HasSubstr("no fault \"explode\""));
  EXPECT_THAT(faults_from_text("abort@64").error().message, HasSubstr("must be NAME=VALUE"));
}

}  // namespace
}  // namespace moetune::kernels
