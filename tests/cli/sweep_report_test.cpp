#include "cli/sweep_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using testing::ElementsAre;

TEST(SweepReportTest, ShowsWhatEachBatchGetsAndWhy) {
  const auto bests = batch_bests_from_json(sample_sweep("done", 5760, 3)["best"]).value();
  EXPECT_THAT(
      result_table(bests).lines({}, 0),
      ElementsAre(
          "batch  default us  chosen config            us  speedup  reason",
          "    1      20.256  16x128x128 g1 w4 s3  18.021   1.124x  faster than the default beyond the spread of both",
          "    2      40.511  16x128x128 g1 w4 s4  36.042   1.124x  faster than the default beyond the spread of both",
          "    4      90.195  16x64x128 g1 w4 s3   90.195   1.000x  not faster beyond the spread"));
}

TEST(SweepReportTest, TellsHowManyCandidatesCameFromWhere) {
  auto sweep = sample_sweep("done", 5760, 1);
  EXPECT_THAT(seed_lines(sweep_status_from_json(sweep).value()), ElementsAre()) << "an older daemon says nothing";
  sweep["seeded_by"] = {{{"set", 7}, {"name", "vllm-0.33.0/E=8.json"}, {"candidates", 18}, {"left_out", 0}},
                        {{"set", 8}, {"name", "odd\x1b[31m"}, {"candidates", 0}, {"left_out", 3}}};
  EXPECT_THAT(seed_lines(sweep_status_from_json(sweep).value()),
              ElementsAre("18 candidates from vllm-0.33.0/E=8.json (set 7)",
                          "0 candidates from odd [31m (set 8); 3 rows left out, which do not run here"));
  sweep["neighbours"] = {
      {{"problem", {{"E", 64}, {"N", 1408}, {"hidden_size", 2048}, {"topk", 6}}}, {"candidates", 8}}};
  EXPECT_EQ(seed_lines(sweep_status_from_json(sweep).value()).back(),
            "8 candidates that were the best of E=64,N=1408,hidden_size=2048,topk=6,bfloat16");
  sweep["warnings"] = {"GPU 1 is 4.2 % slower than GPU 0"};
  EXPECT_EQ(seed_lines(sweep_status_from_json(sweep).value()).back(), "warning: GPU 1 is 4.2 % slower than GPU 0");
  sweep["neighbours"][0].erase("candidates");
  EXPECT_FALSE(sweep_status_from_json(sweep));
  sweep.erase("neighbours");
  sweep["seeded_by"][0].erase("set");
  EXPECT_FALSE(sweep_status_from_json(sweep));
}

TEST(SweepReportTest, ShowsGemm2sOwnTileBelow) {
  auto bests = batch_bests_from_json(sample_sweep("done", 5760, 2)["best"]).value();
  bests.at(1).chosen = paired(*bests.at(1).chosen, {16, 64, 128, 32, 8, 3});
  const auto lines = result_table(bests).lines({}, 80);
  EXPECT_THAT(lines, ElementsAre("batch  default us  chosen config              us  speedup", "    reason",
                                 "    1      20.256  16x128x128 g1 w4 s3    18.021   1.124x",
                                 "    faster than the default beyond the spread of both",
                                 "                   | 16x64x128 g32 w8 s3",
                                 "    2      40.511  16x128x128 g1 w4 s4    36.042   1.124x",
                                 "    faster than the default beyond the spread of both"));
}

TEST(SweepReportTest, ShowsABatchWithoutADefault) {
  auto best = sample_sweep("done", 5760, 1)["best"];
  best["1"]["default_latency_us"] = nullptr;
  best["1"]["speedup"] = nullptr;
  EXPECT_THAT(result_table(batch_bests_from_json(best).value()).lines({}, 60)[2],
              testing::StartsWith("    1           -  16x128x128 g1 w4 s3  18.021        -"));
}

TEST(SweepReportTest, NamesTheConditionsThatAreNotUsual) {
  auto sweep = sample_sweep("done", 5760, 1);
  EXPECT_FALSE(fields_of_rows(sweep_status_from_json(sweep).value()).contains("routing"));
  sweep["spec"]["routing"] = "zipf:1.2";
  sweep["spec"]["l2"] = "warm";
  const auto fields = fields_of_rows(sweep_status_from_json(sweep).value());
  EXPECT_EQ(fields["routing"], "zipf:1.2");
  EXPECT_EQ(fields["l2"], "warm");
  EXPECT_THAT(query_of_fields(fields).text(), testing::HasSubstr("&l2=warm&routing=zipf:1.2"));
  const auto steps = next_steps(fields, "moetune", {"http://h:1", ""});
  EXPECT_THAT(steps[0], testing::HasSubstr(" --l2 warm --routing zipf:1.2"));
  EXPECT_THAT(steps[1], testing::HasSubstr("&l2=warm&routing=zipf:1.2"));
}

TEST(SweepReportTest, GivesLinesToPaste) {
  const auto status = sweep_status_from_json(sample_sweep("done", 5760, 1)).value();
  const auto fields = fields_of_rows(status);
  EXPECT_THAT(
      next_steps(fields, "moetune", {"http://127.0.0.1:8765", ""}),
      ElementsAre("moetune export -E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 --block-shape 128,128 "
                  "--kernel cuda",
                  "curl 'http://127.0.0.1:8765/best?E=256&N=512&hidden_size=2048&topk=8&dtype=fp8_w8a8"
                  "&block_shape=128,128&kernel=cuda'"));
}

TEST(SweepReportTest, NamesWhatIsUnusualAboutTheProblem) {
  auto value = sample_sweep("done", 5760, 1);
  value["spec"]["gated"] = false;
  value["spec"]["router_weight_on_input"] = true;
  const auto steps = next_steps(fields_of_rows(sweep_status_from_json(value).value()), "moetune", {"http://h:1", ""});
  EXPECT_THAT(steps[0], testing::HasSubstr(" --gated 0 --router-weight-on-input 1 "));
  EXPECT_THAT(steps[1], testing::HasSubstr("&gated=0&router_weight_on_input=1&"));
}

TEST(SweepReportTest, ExportsTheRowsOfSglangsKernelAsItsFiles) {
  auto value = sample_sweep("done", 5760, 1);
  value["spec"]["kernel"] = "sglang";
  const auto fields = fields_of_rows(sweep_status_from_json(value).value());
  EXPECT_THAT(next_steps(fields, "moetune", {"http://h:1", ""})[0],
              testing::EndsWith("--kernel sglang --format sglang"));
}

TEST(SweepReportTest, NamesRecordedRowsAsWhatTheyAre) {
  auto value = sample_sweep("done", 5760, 1);
  value["spec"]["recording"] = "an id";
  value["spec"]["dtype"] = nullptr;
  value["spec"]["block_shape"] = nullptr;
  value["spec"]["kernel"] = "vllm";
  const auto fields = fields_of_rows(sweep_status_from_json(value).value());
  EXPECT_THAT(
      next_steps(fields, "moetune", {"http://h:1", "secret"}),
      ElementsAre("moetune export -E 256 -N 512 --hidden-size 2048 --topk 8 --dtype none --block-shape none "
                  "--kernel vllm --origin recorded --allow-recorded",
                  "curl -H \"Authorization: Bearer $MOETUNE_TOKEN\" 'http://h:1/best?E=256&N=512&hidden_size=2048"
                  "&topk=8&dtype=none&block_shape=none&kernel=vllm&origin=recorded'"));
}

}  // namespace
}  // namespace moetune::cli
