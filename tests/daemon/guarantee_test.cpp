#include "daemon/guarantee.hpp"

#include <gmock/gmock.h>

#include "daemon/export_answer.hpp"
#include "tests/daemon/planned_sweeps.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

class GuaranteeTest : public PlannedSweepsTest {
 protected:
  Guarantee guarantee() { return guarantee_of(plan()); }
  ordered_json answer(bool merge = false) {
    ExportQuery query;
    query.filter.kernel = "cuda";
    query.merge = merge;
    return must(guarantee_answer(database(), query));
  }
};

TEST_F(GuaranteeTest, TellsTheWorstOfAllThatWasMeasured) {
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {640, {{1, 99.9}}}, {768, {{2, 95}, {1, 97}}}, {1024, {{2, 70}}}});
  const auto found = guarantee();
  EXPECT_TRUE(found.safe()) << found.text();
  EXPECT_THAT(found.measured, ElementsAre(512, 640, 768, 1024));
  ASSERT_TRUE(found.worst);
  EXPECT_EQ(found.worst->point.batch, 640);
  EXPECT_EQ(found.worst->point.key, 512);
  EXPECT_DOUBLE_EQ(found.worst->point.ratio().value(), 0.999);
  EXPECT_THAT(found.text(), HasSubstr("safe: at no measured M slower than the default beyond noise; at worst 0.9990 of "
                                      "the default's time, spread "));
  EXPECT_THAT(found.text(), HasSubstr(" %, at M=640 (key 512)"));
  ASSERT_TRUE(found.widest);
  EXPECT_EQ(found.widest->low, 1);
  EXPECT_EQ(found.widest->high, 511);
}

TEST_F(GuaranteeTest, TellsTheRangeFarthestByRatioAndTheLongest) {
  sweep_of({1, 2, 4, 8}, {{1, {{1, 80}}}, {2, {{1, 80}}}, {4, {{1, 80}}}, {6, {{1, 80}}}, {10, {{1, 80}}}});
  const auto file = plan();
  const auto json = to_json(guarantee_of(file), file);
  EXPECT_EQ(json["widest_gap"], ordered_json({{"from", 3}, {"to", 3}}));
  EXPECT_EQ(json["longest_gap"], ordered_json({{"from", 7}, {"to", 9}}));
}

TEST_F(GuaranteeTest, TellsTheIntervalOfTheWorstWhereItTookTurns) {
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {640, {{1, 99.9}}}, {1024, {{1, 70}}}});
  auto file = plan();
  EXPECT_EQ(to_json(guarantee_of(file), file)["worst"]["low"], nullptr);
  auto& points = file.problems[0].points;
  std::ranges::find(points, 640, &FilePoint::batch)->interval = {.middle = 0.998, .low = 0.9961, .high = 1.0004};
  const auto found = guarantee_of(file);
  EXPECT_THAT(found.text(),
              HasSubstr("at worst 0.9980 of the default's time, 0.9961 to 1.0004 by the rounds, at M=640 (key 512)"));
  const auto json = to_json(found, file);
  EXPECT_EQ(json["worst"]["low"], 0.9961);
  EXPECT_EQ(json["worst"]["high"], 1.0004);
  EXPECT_EQ(json["problems"][0]["points"]["640"]["ratio"], 0.998);
  EXPECT_EQ(json["problems"][0]["points"]["512"]["high"], nullptr);
}

TEST_F(GuaranteeTest, TheKeysAloneProveNothingAboutWhatIsBetween) {
  sweep_of({1, 2, 4, 8}, {{1, {{1, 80}}}, {2, {{1, 80}}}, {4, {{1, 80}}}, {8, {{1, 80}}}});
  const auto found = guarantee();
  EXPECT_FALSE(found.safe());
  EXPECT_TRUE(found.only_keys);
  EXPECT_THAT(found.text(), HasSubstr("not shown to be safe: only the keys themselves were measured; at worst 0.8"));
  EXPECT_EQ(found.widest->low, 3) << "of two the first";
  EXPECT_EQ(found.widest->high, 3);
}

TEST_F(GuaranteeTest, ASingleKeyServesMoreThanWasMeasured) {
  sweep_of({1}, {{1, {{1, 80}}}});
  EXPECT_FALSE(guarantee().safe());
  EXPECT_THAT(guarantee().text(), HasSubstr("only the keys themselves were measured"));
}

TEST_F(GuaranteeTest, WhereThereIsNothingBetweenTheKeysThereIsNothingToMeasure) {
  sweep_of({1, 2, 3}, {{1, {{1, 80}}}, {2, {{1, 80}}}, {3, {{1, 80}}}});
  const auto found = guarantee();
  EXPECT_TRUE(found.safe());
  EXPECT_FALSE(found.widest);
}

TEST_F(GuaranteeTest, NamesWhatIsPinnedToTheDefault) {
  sweep_of({16, 32}, {{16, {{1, 99.6}}}, {24, {{1, 130}}}, {32, {}}});
  const auto found = guarantee();
  EXPECT_TRUE(found.safe());
  EXPECT_THAT(found.pinned, ElementsAre(16, 24, 32));
  EXPECT_THAT(found.text(), HasSubstr("at worst the default itself, at M=16 (key 16)"));
}

TEST_F(GuaranteeTest, WithoutADefaultNothingIsShown) {
  auto spec = db::example_spec();
  spec.batches = {1, 2};
  const auto id = new_sweep(spec);
  record(id, db::ok_trial(1, 1, 10));
  record(id, db::ok_trial(2, 1, 10));
  const auto found = guarantee();
  EXPECT_FALSE(found.safe());
  EXPECT_EQ(found.text(), "not shown to be safe: nobody knows the default at M=1 (key 1), M=2 (key 2)");
}

TEST_F(GuaranteeTest, AMergedFileThatIsSlowerBetweenItsKeysIsFound) {
  // Both problems have 512; only the first was measured at 600, where the common choice is slow.
  sweep_of({512}, {{512, {{1, 80}}}, {600, {{1, 130}}}});
  auto spec = db::example_spec();
  spec.batches = {512};
  const auto id = new_sweep(spec);
  write([&](db::Transaction& transaction) {
    return db::set_sweep_default(transaction, id, 512, db::example_config(0), "vllm 0.33");
  });
  for (const auto& [config, us] : std::map<int, double>{{0, 100}, {1, 80}}) {
    auto trial = db::ok_trial(512, config, us);
    trial.group.problem.hidden_size = 4096;
    record(id, trial);
  }
  const auto merged = answer(true);
  EXPECT_EQ(merged["safe"], false);
  EXPECT_THAT(merged["text"].get<std::string>(),
              HasSubstr("not safe: slower than the default beyond noise at M=600 (key 512); at worst 1.3000"));
  EXPECT_EQ(merged["slower"].size(), 1U);
  EXPECT_EQ(merged["slower"][0]["problem"], 0);
  EXPECT_EQ(merged["measured"], ordered_json({512})) << "600 of both problems was not";
  EXPECT_EQ(merged["not_measured"], ordered_json({600}));
  EXPECT_EQ(merged["problems"].size(), 2U);
}

TEST_F(GuaranteeTest, WhereAMergedFileWasNotMeasuredForAllProblemsItIsNotKnown) {
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {640, {{1, 80}}}, {768, {{1, 80}}}, {1024, {{1, 80}}}}, 64);
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {640, {{1, 80}}}, {768, {{3, 80}}}, {1024, {{1, 80}}}}, 128);
  const auto merged = answer(true);
  EXPECT_EQ(merged["safe"], true);
  EXPECT_EQ(merged["measured"], ordered_json({512, 640, 1024}));
  EXPECT_EQ(merged["not_measured"], ordered_json({768}));
  EXPECT_EQ(merged["problems"][0]["points"]["768"]["standing"], "faster");
  EXPECT_EQ(merged["problems"][1]["points"]["768"]["standing"], "not measured");
  EXPECT_EQ(merged["keys"].size(), 2U);
  EXPECT_EQ(answer(true)["pinned"], ordered_json::array());
}

TEST_F(GuaranteeTest, TheAnswerHasEveryKeyAndPoint) {
  sweep_of({512, 1024}, {{512, {{1, 80}}}, {768, {{1, 120}}}, {1024, {{2, 70}}}});
  const auto json = answer();
  EXPECT_EQ(json["safe"], true);
  EXPECT_EQ(json["max"], 1024);
  EXPECT_EQ(json["measured"], ordered_json({512, 768, 1024}));
  EXPECT_EQ(json["keys"]["768"]["default"], true);
  EXPECT_EQ(json["keys"]["768"]["reason"], "added between 512 and 1024: the default is the best");
  EXPECT_EQ(json["pinned"], ordered_json({768}));
  const auto& points = json["problems"][0]["points"];
  EXPECT_EQ(points["512"]["standing"], "faster");
  EXPECT_EQ(points["512"]["asked"], true);
  EXPECT_EQ(points["768"]["asked"], false);
  EXPECT_EQ(points["768"]["ratio"], 1.0);
  EXPECT_EQ(json["problems"][0]["group"]["E"], 256);
  ExportQuery query;
  query.filter.kernel = "cuda";
  EXPECT_EQ(json["choice"], must(export_answer(database(), query)).choice);
}

}  // namespace
}  // namespace moetune::daemon
