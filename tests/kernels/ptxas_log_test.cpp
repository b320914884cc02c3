#include "kernels/ptxas_log.hpp"

#include <gtest/gtest.h>

namespace moetune::kernels {
namespace {

TEST(PtxasLogTest, ReadsRegistersAndSpills) {
  EXPECT_EQ(read_ptxas_log("ptxas info    : 0 bytes gmem\n"
                           "ptxas info    : Compiling entry function 'moe_gemm' for 'sm_90a'\n"
                           "ptxas info    : Function properties for moe_gemm\n"
                           "    24 bytes stack frame, 16 bytes spill stores, 8 bytes spill loads\n"
                           "ptxas info    : Used 168 registers, used 1 barriers\n"),
            (PtxasUse{.registers = 168, .spill_bytes = 16}));
}

TEST(PtxasLogTest, TakesTheLargestOfSeveralKernels) {
  EXPECT_EQ(read_ptxas_log("Used 32 registers\nUsed 254 registers\nUsed 8 registers").registers, 254);
}

TEST(PtxasLogTest, KnowsNothingFromOtherLogs) {
  EXPECT_EQ(read_ptxas_log(""), PtxasUse());
  EXPECT_EQ(read_ptxas_log("too many registers\n registers"), PtxasUse());
}

}  // namespace
}  // namespace moetune::kernels
