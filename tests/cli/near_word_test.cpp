#include "cli/near_word.hpp"

#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

const std::vector<std::string> k_commands = {"tune", "sweeps", "sweep", "best", "candidates", "candidate"};

TEST(NearWordTest, FindsWhatWasMeant) {
  EXPECT_EQ(near_word("tuen", k_commands), "tune") << "two letters exchanged are one slip";
  EXPECT_EQ(near_word("swep", k_commands), "sweep");
  EXPECT_EQ(near_word("sweepss", k_commands), "sweeps");
  EXPECT_EQ(near_word("candidtae", k_commands), "candidate");
  EXPECT_EQ(near_word("bst", k_commands), "best");
}

TEST(NearWordTest, IsSilentWhereNothingIsNear) {
  EXPECT_EQ(near_word("publish", k_commands), std::nullopt);
  EXPECT_EQ(near_word("tu", k_commands), std::nullopt);
  EXPECT_EQ(near_word("", k_commands), std::nullopt);
  EXPECT_EQ(near_word(std::string(1000, 'x'), k_commands), std::nullopt);
  EXPECT_EQ(near_word("tune", {}), std::nullopt);
}

}  // namespace
}  // namespace moetune::cli
