#include "db/earlier_outcomes.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::Trial;
using schema::TrialStatus;

class EarlierOutcomesTest : public StoreTest {
 protected:
  KnownFailures failures(const schema::Group& group = example_group(), std::string_view arch = "sm_90") {
    return read([&](Snapshot& snapshot) { return known_failures(snapshot, group, arch); });
  }
  std::map<TrialKey, Trial> reusable(const schema::Group& group = example_group()) {
    return read([&](Snapshot& snapshot) { return reusable_trials(snapshot, group); });
  }
};

TEST_F(EarlierOutcomesTest, ACompileFailureHoldsForEveryBatchAndShapeOfTheSameKernel) {
  const std::int64_t id = new_sweep();
  record(id, failed_trial(1, 0, TrialStatus::compiler_crash));
  record(id, failed_trial(1, 1, TrialStatus::out_of_resources));
  schema::Group other = example_group();
  other.problem.num_experts = 64;
  other.problem.hidden_size = 7168;
  other.device = "NVIDIA_H100";
  const auto known = failures(other);
  EXPECT_EQ(known.compile.size(), 2U);
  ASSERT_TRUE(known.compile.contains(example_config(0)));
  EXPECT_EQ(known.compile.at(example_config(0)).status, TrialStatus::compiler_crash);
  EXPECT_EQ(known.compile.at(example_config(0)).log_tail, "it failed");
  EXPECT_TRUE(known.run.empty());
}

TEST_F(EarlierOutcomesTest, ACompileFailureSaysNothingAboutOtherCode) {
  record(new_sweep(), failed_trial(1, 0, TrialStatus::compile_error));
  const auto none = [&](auto change) {
    schema::Group group = example_group();
    change(group);
    return failures(group).compile.empty();
  };
  EXPECT_FALSE(none([](schema::Group&) {}));
  EXPECT_TRUE(none([](schema::Group& g) { g.kernel_digest = "d2"; }));
  EXPECT_TRUE(none([](schema::Group& g) { g.compiler = "nvrtc 12.4"; }));
  EXPECT_TRUE(none([](schema::Group& g) { g.origin = schema::Origin::recorded; }));
  EXPECT_TRUE(none([](schema::Group& g) { g.problem.block_shape.reset(); }));
  EXPECT_TRUE(none([](schema::Group& g) { g.problem.act_dtype = schema::ActDtype::float16; }));
  EXPECT_TRUE(none([](schema::Group& g) { g.problem.per_channel_quant = true; }));
  EXPECT_TRUE(none([](schema::Group& g) { g.problem.router_weight_on_input = true; }));
  EXPECT_TRUE(failures(example_group(), "sm_80").compile.empty());
}

TEST_F(EarlierOutcomesTest, ARunFailureHoldsForItsProblemAndBatch) {
  record(new_sweep(), failed_trial(16, 0, TrialStatus::launch_error));
  const auto known = failures();
  EXPECT_TRUE(known.compile.empty());
  ASSERT_EQ(known.run.size(), 1U);
  EXPECT_TRUE(known.run.contains({16, example_config(0)}));
  schema::Group warm = example_group();
  warm.l2 = schema::L2::warm;
  EXPECT_EQ(failures(warm).run.size(), 1U);
  schema::Group other = example_group();
  other.problem.topk = 4;
  EXPECT_TRUE(failures(other).run.empty());
}

TEST_F(EarlierOutcomesTest, ALaterSuccessVoidsAFailure) {
  const std::int64_t id = new_sweep();
  record(id, failed_trial(1, 0, TrialStatus::compile_timeout));
  record(id, failed_trial(1, 1, TrialStatus::measure_timeout));
  record(id, failed_trial(2, 1, TrialStatus::measure_timeout));
  const std::int64_t retry = new_sweep();
  record(retry, failed_trial(1, 0, TrialStatus::wrong_result));
  record(retry, ok_trial(1, 1, 10));
  const auto known = failures();
  EXPECT_TRUE(known.compile.empty());
  ASSERT_EQ(known.run.size(), 2U);
  EXPECT_TRUE(known.run.contains({1, example_config(0)}));
  EXPECT_TRUE(known.run.contains({2, example_config(1)}));
}

TEST_F(EarlierOutcomesTest, TheNewestFailureIsShown) {
  record(new_sweep(), failed_trial(1, 0, TrialStatus::compile_timeout));
  record(new_sweep(), failed_trial(16, 0, TrialStatus::compiler_crash));
  EXPECT_EQ(failures().compile.at(example_config(0)).status, TrialStatus::compiler_crash);
}

TEST_F(EarlierOutcomesTest, DiscardedRowsDoNotCount) {
  const std::int64_t id = new_sweep();
  record(id, failed_trial(1, 0, TrialStatus::compile_error));
  record(id, failed_trial(1, 1, TrialStatus::launch_error));
  record(id, ok_trial(1, 2, 5));
  finish(id);
  discard(id);
  EXPECT_TRUE(failures().compile.empty());
  EXPECT_TRUE(failures().run.empty());
  EXPECT_TRUE(reusable().empty());
}

TEST_F(EarlierOutcomesTest, ADiscardedSuccessDoesNotVoidAFailure) {
  record(new_sweep(), failed_trial(1, 0, TrialStatus::launch_error));
  const std::int64_t retry = new_sweep();
  record(retry, ok_trial(1, 0, 5));
  EXPECT_TRUE(failures().run.empty());
  finish(retry);
  discard(retry);
  EXPECT_EQ(failures().run.size(), 1U);
}

TEST_F(EarlierOutcomesTest, ReusesTheNewestOkRowOfExactlyTheGroup) {
  Trial trial = ok_trial(1, 0, 10);
  record(new_sweep(), trial);
  trial.latency_us = 12;
  trial.measured_at.ms += 1000;
  record(new_sweep(), trial);
  const std::int64_t third = new_sweep();
  record(third, failed_trial(1, 1, TrialStatus::launch_error));
  record(third, ok_trial(16, 1, 30));
  const auto rows = reusable();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows.at({1, example_config(0)}).latency_us, 12);
  EXPECT_EQ(rows.at({16, example_config(1)}).samples_us.size(), 3U);
  schema::Group warm = example_group();
  warm.l2 = schema::L2::warm;
  EXPECT_TRUE(reusable(warm).empty());
}

}  // namespace
}  // namespace moetune::db
