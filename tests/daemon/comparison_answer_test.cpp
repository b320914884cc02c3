#include "daemon/comparison_answer.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::daemon {
namespace {

using db::example_config;
using nlohmann::json;
using schema::TrialStatus;

class ComparisonAnswerTest : public db::StoreTest {
 protected:
  /// A sweep in rounds of configurations 0, the default, and 1, for batches 1 and 8.
  std::int64_t sweep_in_rounds() {
    schema::SweepSpec spec = db::example_spec();
    spec.batches = {1, 8};
    for (const auto batch : spec.batches) spec.candidates[batch] = {example_config(1)};
    spec.rounds = schema::Rounds{};
    const auto id = new_sweep(spec);
    write([&](db::Transaction& transaction) {
      return db::set_sweep_default(transaction, id, 1, example_config(0), "vllm 0.11");
    });
    return id;
  }
  void add_rounds(std::int64_t sweep, int config, double us, int rounds) {
    schema::Trial row = db::ok_trial(1, config, us);
    for (int i = 0; i < rounds; ++i) {
      write([&](db::Transaction& transaction) {
        return db::append_samples(transaction, sweep, {1, row.config}, std::vector<double>{us + 50, us, us - 0.1});
      });
    }
    row.samples_us.clear();
    record(sweep, row);
  }
  json answer(std::int64_t sweep) { return must(comparison_answer(database(), sweep)); }
};

TEST_F(ComparisonAnswerTest, ComparesRoundByRound) {
  const auto id = sweep_in_rounds();
  add_rounds(id, 0, 100, 10);
  add_rounds(id, 1, 80, 10);
  const json body = answer(id);
  EXPECT_EQ(body["sweep"], id);
  EXPECT_EQ(body["rounds"]["level"], 0.99);
  ASSERT_EQ(body["batches"].size(), 2U);
  const json& batch = body["batches"][0];
  EXPECT_EQ(batch["batch"], 1);
  EXPECT_EQ(batch["default"], json({{"config", schema::to_json(example_config(0))}, {"source", "vllm 0.11"}}));
  ASSERT_EQ(batch["contenders"].size(), 2U);
  EXPECT_EQ(batch["contenders"][1]["config"], json(schema::to_json(example_config(1))));
  EXPECT_EQ(batch["contenders"][1]["rounds_us"], json(std::vector<double>(10, 80)));  // medians: 130 is disturbed
  ASSERT_EQ(batch["pairs"].size(), 1U);
  EXPECT_EQ(batch["pairs"][0]["standing"], "slower");
  EXPECT_DOUBLE_EQ(batch["pairs"][0]["speedup"].get<double>(), 0.8);
}

TEST_F(ComparisonAnswerTest, ABatchThatNobodyHasMeasuredIsThereAllTheSame) {
  const json body = answer(sweep_in_rounds());
  EXPECT_EQ(body["group"], nullptr);
  EXPECT_EQ(body["batches"][1],
            json({{"batch", 8}, {"default", nullptr}, {"contenders", json::array()}, {"pairs", json::array()}}));
}

TEST_F(ComparisonAnswerTest, WhoDidNotRunIsComparedWithNobody) {
  const auto id = sweep_in_rounds();
  add_rounds(id, 0, 100, 10);
  schema::Trial refused = db::failed_trial(1, 1, TrialStatus::out_of_resources);
  refused.log_tail = "needs too much shared memory";
  record(id, refused);
  const json body = answer(id);
  EXPECT_EQ(body["batches"][0]["contenders"][1]["status"], "out_of_resources");
  EXPECT_EQ(body["batches"][0]["contenders"][1]["log_tail"], "needs too much shared memory");
  EXPECT_EQ(body["batches"][0]["pairs"], json::array());
}

TEST_F(ComparisonAnswerTest, TooFewRoundsGiveNoVerdict) {
  const auto id = sweep_in_rounds();
  add_rounds(id, 0, 100, 4);
  add_rounds(id, 1, 80, 4);
  EXPECT_EQ(answer(id)["batches"][0]["pairs"], json::array());
}

TEST_F(ComparisonAnswerTest, OnlyASweepInRoundsCanBeAsked) {
  EXPECT_EQ(comparison_answer(database(), new_sweep()).error().code, schema::ErrorCode::conflict);
  EXPECT_EQ(comparison_answer(database(), 99).error().code, schema::ErrorCode::not_found);
}

}  // namespace
}  // namespace moetune::daemon
