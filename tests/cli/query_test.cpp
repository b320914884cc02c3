#include "cli/query.hpp"

#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

TEST(QueryTest, KeepsTheOrderAndEncodesValues) {
  Query query;
  query.add("E", "256");
  query.add("block_shape", "128,128");
  query.add("compiler", "triton 3.6.0+cu&x=1");
  EXPECT_EQ(query.text(), "?E=256&block_shape=128,128&compiler=triton%203.6.0%2Bcu%26x%3D1");
}

TEST(QueryTest, IsNothingWithoutParameters) {
  EXPECT_EQ(Query().text(), "");
}

TEST(QueryTest, EncodesBytesBeyondAscii) {
  EXPECT_EQ(url_encoded("µ[1]"), "%C2%B5%5B1%5D");
}

}  // namespace
}  // namespace moetune::cli
