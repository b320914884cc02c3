#include "kernels/cuda/tile_order.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

namespace moetune {
namespace {

/// The order that the engines' kernel documents: programs in groups of GROUP_SIZE_M row blocks, row block fastest.
TileCoordinates published_order(int program, int blocks_m, int blocks_n, int group_size_m) {
  const int programs_in_group = group_size_m * blocks_n;
  const int group_id = program / programs_in_group;
  const int first_block_m = group_id * group_size_m;
  const int rows_in_group = std::min(blocks_m - first_block_m, group_size_m);
  return {first_block_m + (program % programs_in_group) % rows_in_group, (program % programs_in_group) / rows_in_group};
}

TEST(TileOrderTest, IsTheEnginesOrderAndVisitsEveryTileOnce) {
  for (const int blocks_m : {1, 2, 3, 16, 17, 63, 200}) {
    for (const int blocks_n : {1, 2, 7, 16}) {
      for (const int group : {1, 2, 16, 32, 64, 1024}) {
        std::set<std::pair<int, int>> visited;
        for (int program = 0; program < blocks_m * blocks_n; ++program) {
          const auto at = tile_coordinates(program, blocks_m, blocks_n, group);
          const auto expected = published_order(program, blocks_m, blocks_n, group);
          ASSERT_EQ(std::pair(at.m, at.n), std::pair(expected.m, expected.n))
              << "program " << program << " of " << blocks_m << " x " << blocks_n << ", GROUP_SIZE_M " << group;
          ASSERT_GE(at.m, 0);
          ASSERT_LT(at.m, blocks_m);
          ASSERT_GE(at.n, 0);
          ASSERT_LT(at.n, blocks_n);
          visited.emplace(at.m, at.n);
        }
        ASSERT_EQ(visited.size(), static_cast<std::size_t>(blocks_m * blocks_n));
      }
    }
  }
}

TEST(TileOrderTest, AGroupSharesOneColumnBlockBeforeTheNext) {
  const auto row_blocks_of_first = [](int group) {
    std::set<int> rows;
    for (int program = 0; program < 16; ++program) rows.insert(tile_coordinates(program, 64, 8, group).m);
    return rows.size();
  };
  // Of the first 16 blocks: one row block after the other, or 16 of them in the same column.
  EXPECT_EQ(row_blocks_of_first(1), 2u);
  EXPECT_EQ(row_blocks_of_first(16), 16u);
}

}  // namespace
}  // namespace moetune
