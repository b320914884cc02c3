#include "schema/engine_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string row(const std::string& key, int stages) {
  return "\"" + key +
         R"(": {"BLOCK_SIZE_M": 16, "BLOCK_SIZE_N": 64, "BLOCK_SIZE_K": 128, "GROUP_SIZE_M": 1, "num_warps": 4, )"
         R"("num_stages": )" +
         std::to_string(stages) + "}";
}

Result<EngineTable> table_of(const std::string& entries) {
  return engine_table(engine_rows_from_text("{" + entries + "}").value());
}

TEST(EngineTableTest, KeepsTheOrderOfTheFile) {
  const auto table = table_of(R"("triton_version": "3.6.0", )" + row("8", 2) + "," + row("2", 3) + "," + row("4", 4));
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_THAT(table->keys(), ElementsAre(8, 2, 4));
  EXPECT_EQ(table->row_for(3).first, 2);  // 2 and 4 are equally near
  EXPECT_EQ(table->row_for(6).first, 8);  // so are 8 and 4
  EXPECT_EQ(table->row_for(5).second.num_stages, 4);
  EXPECT_EQ(table->row_for(1).first, 2);
  EXPECT_EQ(table->row_for(65536).first, 8);
}

TEST(EngineTableTest, OfAKeyTwiceTheLastRowCountsInThePlaceOfTheFirst) {
  const auto table = table_of(row("4", 2) + "," + row("2", 3) + "," + row("04", 5));
  EXPECT_THAT(table->keys(), ElementsAre(4, 2));
  EXPECT_EQ(table->row_for(3).second.num_stages, 5);
}

TEST(EngineTableTest, WhatNoEngineCouldUseIsNamed) {
  EXPECT_THAT(table_of(row("many", 2)).error().message, HasSubstr("\"many\" is no number"));
  EXPECT_THAT(table_of(R"("4": {"BLOCK_SIZE_M": 16})").error().message, HasSubstr("batch 4: "));
  EXPECT_THAT(table_of(R"("4": 7)").error().message, HasSubstr("batch 4 has no row"));
  EXPECT_THAT(table_of(R"("triton_version": "3.6.0")").error().message, HasSubstr("no row"));
}

TEST(TellingBatchesTest, AreTheKeysAndWhatLiesBetweenThem) {
  EXPECT_THAT(telling_batches(std::vector<std::int64_t>{1, 2, 4, 16}, 16), ElementsAre(1, 2, 3, 4, 10, 16));
  EXPECT_THAT(telling_batches(std::vector<std::int64_t>{16, 1}, 16), ElementsAre(1, 8, 16));
}

TEST(TellingBatchesTest, GoBelowTheFirstAndAboveTheLast) {
  EXPECT_THAT(telling_batches(std::vector<std::int64_t>{64}, 500), ElementsAre(1, 32, 64, 128, 256, 500));
  EXPECT_THAT(telling_batches(std::vector<std::int64_t>{64}, 128), ElementsAre(1, 32, 64, 128));
}

TEST(TellingBatchesTest, NothingIsBeyondTheLargest) {
  EXPECT_THAT(telling_batches(std::vector<std::int64_t>{4, 4096}, 8), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(telling_batches(std::vector<std::int64_t>{-3, 4096}, 1), ElementsAre(1));
}

}  // namespace
}  // namespace moetune::schema
