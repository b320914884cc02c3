#include "db/best_query.hpp"

#include "db/catalog.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::Group;
using schema::GroupFilter;
using schema::Trial;
using schema::TrialStatus;

class BestQueryTest : public StoreTest {
 protected:
  /// A filter as a query string names it.
  static GroupFilter where(std::initializer_list<std::pair<const char*, const char*>> fields) {
    GroupFilter filter;
    for (const auto& [name, value] : fields) EXPECT_TRUE(must(filter.set(name, value))) << name;
    return filter;
  }
  std::vector<GroupMatch> groups(const GroupFilter& filter = {}, Versions versions = Versions::newest) {
    return read([&](Snapshot& snapshot) { return matching_groups(snapshot, filter, versions); });
  }
  std::vector<BatchBest> best(std::int64_t group) {
    return read([&](Snapshot& snapshot) { return best_of_group(snapshot, group); });
  }
  std::vector<BatchBest> best_of_the_only_group() {
    const auto matches = groups();
    EXPECT_EQ(matches.size(), 1U);
    return best(matches.at(0).id);
  }
  void set_default(std::int64_t sweep, std::int64_t batch, int config) {
    write([&](Transaction& transaction) {
      return set_sweep_default(transaction, sweep, batch, example_config(config), "vllm 0.11");
    });
  }
  /// Records an ok row of a group that differs from the example.
  void record_in(std::int64_t sweep, const Group& group, double latency_us, std::int64_t measured_at) {
    Trial trial = ok_trial(1, 0, latency_us);
    trial.group = group;
    trial.measured_at = {measured_at};
    record(sweep, trial);
  }
};

TEST_F(BestQueryTest, FindsTheFastestRowOfEveryBatchWithTheDefaultOfItsSweep) {
  const std::int64_t id = new_sweep();
  set_default(id, 1, 0);
  set_default(id, 16, 2);
  record(id, ok_trial(16, 2, 30));
  record(id, ok_trial(1, 0, 20));
  record(id, ok_trial(1, 1, 18));
  record(id, ok_trial(1, 2, 19));
  record(id, failed_trial(1, 3, TrialStatus::launch_error));
  const auto rows = best_of_the_only_group();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].batch, 1);
  EXPECT_EQ(rows[0].best.config, example_config(1));
  EXPECT_EQ(rows[0].best.latency_us, 18);
  EXPECT_EQ(rows[0].best.samples_us, (std::vector{17.75, 18.0, 18.25}));
  EXPECT_EQ(rows[0].best.measured_at, ok_trial(1, 1, 18).measured_at);
  EXPECT_EQ(rows[0].sweep, sweep(id).label);
  EXPECT_EQ(rows[0].default_config, example_config(0));
  EXPECT_EQ(rows[0].default_source, "vllm 0.11");
  ASSERT_TRUE(rows[0].default_row);
  EXPECT_EQ(rows[0].default_row->latency_us, 20);
  EXPECT_FALSE(rows[0].default_failed);
  EXPECT_EQ(rows[0].rows, 3);
  EXPECT_EQ(rows[1].batch, 16);
  EXPECT_EQ(rows[1].default_row->trial, rows[1].best.trial);
}

TEST_F(BestQueryTest, FindsTheFastestRowWithoutAPair) {
  const auto pair = [](std::int64_t batch, int up, int down, double latency_us) {
    Trial trial = ok_trial(batch, up, latency_us);
    trial.config = schema::paired(example_config(up), example_config(down));
    return trial;
  };
  const std::int64_t slower = new_sweep();
  record(slower, ok_trial(1, 4, 40));
  const std::int64_t id = new_sweep();
  set_default(id, 1, 0);
  record(id, ok_trial(1, 0, 50));
  record(id, ok_trial(1, 2, 30));
  record(id, ok_trial(1, 1, 30));
  record(id, pair(1, 1, 2, 20));
  record(id, pair(16, 1, 2, 20));
  const std::int64_t discarded = new_sweep();
  record(discarded, ok_trial(1, 3, 10));
  finish(discarded);
  discard(discarded);
  const auto group = groups().at(0).id;
  EXPECT_EQ(best(group).at(0).best.config, paired(example_config(1), example_config(2)));
  const auto single = [&](std::int64_t batch) {
    return read([&](Snapshot& snapshot) { return best_without_pair(snapshot, group, batch); });
  };
  const auto found = single(1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->best.config, example_config(1)) << "the smaller one of equals";
  EXPECT_EQ(found->best.samples_us.size(), 3U);
  EXPECT_EQ(found->sweep, sweep(id).label);
  ASSERT_TRUE(found->default_row);
  EXPECT_EQ(found->default_row->latency_us, 50);
  EXPECT_FALSE(single(16));
  EXPECT_FALSE(single(64));
}

TEST_F(BestQueryTest, RowsOfUnfinishedSweepsCountOnlyWhenAskedFor) {
  const auto done = new_sweep();
  record(done, ok_trial(1, 1, 50));
  finish(done);
  const auto cancelled = new_sweep();
  record(cancelled, ok_trial(1, 2, 40));
  finish(cancelled, schema::SweepState::cancelled);
  const auto queued = new_sweep();
  record(queued, ok_trial(1, 3, 30));
  record(queued, ok_trial(16, 3, 30));
  const auto group = groups().at(0).id;
  EXPECT_EQ(best(group).size(), 2U);
  const auto finished = read([&](Snapshot& snapshot) { return best_of_group(snapshot, group, Runs::finished); });
  ASSERT_EQ(finished.size(), 1U);
  EXPECT_EQ(finished[0].best.config, example_config(1));
  EXPECT_EQ(finished[0].rows, 1);
  const auto single = read([&](Snapshot& snapshot) { return best_without_pair(snapshot, group, 1, Runs::finished); });
  ASSERT_TRUE(single);
  EXPECT_EQ(single->best.config, example_config(1));
  EXPECT_FALSE(read([&](Snapshot& snapshot) { return best_without_pair(snapshot, group, 16, Runs::finished); }));
}

TEST_F(BestQueryTest, FinishedWorkChangesWithWhatEndsAndIsDiscarded) {
  const auto work = [&] { return read([](Snapshot& snapshot) { return finished_work(snapshot); }); };
  const auto nothing = work();
  const auto id = new_sweep();
  record(id, ok_trial(1, 0, 50));
  EXPECT_EQ(work(), nothing);
  finish(id);
  EXPECT_EQ(work().done_sweeps, 1);
  discard(id);
  EXPECT_EQ(work().discarded_runs, 1);
  EXPECT_EQ(work().imported_rows, 0);
}

TEST_F(BestQueryTest, AScanIsFoundOnlyByItsName) {
  schema::Trial scanned = ok_trial(1, 0, 5);
  const std::string kernel = schema::scan_of(scanned.group.kernel);
  EXPECT_TRUE(schema::is_scan(kernel));
  EXPECT_FALSE(schema::is_scan(scanned.group.kernel));
  record(new_sweep(), ok_trial(1, 0, 20));
  scanned.group.kernel = kernel;
  record(new_sweep(), scanned);
  const auto groups = [&](const schema::GroupFilter& filter) {
    return read([&](Snapshot& snapshot) { return matching_groups(snapshot, filter); });
  };
  EXPECT_EQ(groups({}).size(), 1U);
  schema::GroupFilter by_name;
  by_name.kernel = kernel;
  ASSERT_EQ(groups(by_name).size(), 1U);
  EXPECT_EQ(groups(by_name)[0].group.kernel, kernel);
}

TEST_F(BestQueryTest, DoesNotBorrowTheDefaultOfAnotherSweep) {
  const std::int64_t with = new_sweep();
  set_default(with, 1, 0);
  record(with, ok_trial(1, 0, 20));
  const std::int64_t without = new_sweep();
  record(without, ok_trial(1, 1, 15));
  const auto rows = best_of_the_only_group();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].best.latency_us, 15);
  EXPECT_EQ(rows[0].sweep, sweep(without).label);
  EXPECT_FALSE(rows[0].default_config);
  EXPECT_FALSE(rows[0].default_row);
  EXPECT_EQ(rows[0].rows, 2);
}

TEST_F(BestQueryTest, TellsAFailedDefaultFromOneThatWasNotMeasured) {
  const std::int64_t id = new_sweep();
  set_default(id, 1, 0);
  record(id, ok_trial(1, 1, 15));
  EXPECT_FALSE(best_of_the_only_group().at(0).default_failed);
  record(id, failed_trial(1, 0, TrialStatus::out_of_resources));
  const auto rows = best_of_the_only_group();
  EXPECT_TRUE(rows.at(0).default_failed);
  EXPECT_FALSE(rows.at(0).default_row);
}

TEST_F(BestQueryTest, TakesTheSmallestConfigurationOfEqualsInWhateverOrderTheyCame) {
  const std::int64_t id = new_sweep();
  for (const int number : {2, 1, 3, 0}) {
    record(id, ok_trial(1, number, 10));
    record(id, ok_trial(64, 3 - number, 10));
  }
  const auto rows = best_of_the_only_group();
  const auto smallest = std::min({example_config(0), example_config(1), example_config(2), example_config(3)});
  EXPECT_EQ(rows.at(0).best.config, smallest);
  EXPECT_EQ(rows.at(1).best.config, smallest);
}

TEST_F(BestQueryTest, ForgetsDiscardedSweeps) {
  const std::int64_t fast = new_sweep();
  record(fast, ok_trial(1, 0, 5));
  record(fast, ok_trial(64, 0, 50));
  const std::int64_t slow = new_sweep();
  record(slow, ok_trial(1, 1, 9));
  finish(fast);
  discard(fast);
  const auto rows = best_of_the_only_group();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].best.latency_us, 9);
  EXPECT_EQ(rows[0].rows, 1);
  finish(slow);
  discard(slow);
  EXPECT_TRUE(groups().empty());
  EXPECT_TRUE(read([](Snapshot& snapshot) { return known_problems(snapshot); }).empty());
}

TEST_F(BestQueryTest, ShowsTheBestOfOneSweepAlsoWhenItIsDiscarded) {
  const std::int64_t id = new_sweep();
  record(id, ok_trial(1, 0, 5));
  const std::int64_t other = new_sweep();
  record(other, ok_trial(1, 0, 4));
  finish(id);
  discard(id);
  const auto rows = read([&](Snapshot& snapshot) { return best_of_sweep(snapshot, id); });
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].best.latency_us, 5);
}

TEST_F(BestQueryTest, TakesTheNewestKernelAndCompilerUnlessAsked) {
  const std::int64_t id = new_sweep();
  Group group = example_group();
  record_in(id, group, 10, 1000);
  group.kernel_digest = "d2";
  record_in(new_sweep(), group, 20, 3000);
  group.compiler = "nvrtc 12.9";
  record_in(new_sweep(), group, 30, 2000);
  const auto newest = groups();
  ASSERT_EQ(newest.size(), 1U);
  EXPECT_EQ(newest[0].group.kernel_digest, "d2");
  EXPECT_EQ(newest[0].group.compiler, "nvrtc 13.0");
  EXPECT_EQ(newest[0].newest, schema::Timestamp{3000});
  EXPECT_EQ(groups(where({}), Versions::all).size(), 3U);
  const auto asked = groups(where({{"kernel_digest", "d1"}}));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].group.kernel_digest, "d1");
  const auto older = groups(where({{"compiler", "nvrtc 12.9"}}));
  ASSERT_EQ(older.size(), 1U);
  EXPECT_EQ(older[0].group.compiler, "nvrtc 12.9");
}

TEST_F(BestQueryTest, AGroupOfFailuresIsNotTheNewest) {
  record(new_sweep(), ok_trial(1, 0, 10));
  Trial failed = failed_trial(1, 0, TrialStatus::wrong_result);
  failed.group.kernel_digest = "d2";
  failed.measured_at.ms += 1000;
  record(new_sweep(), failed);
  ASSERT_EQ(groups().size(), 1U);
  EXPECT_EQ(groups()[0].group.kernel_digest, "d1");
}

TEST_F(BestQueryTest, DefaultsToColdAndUniformAndKeepsOtherGroupsApart) {
  Group group = example_group();
  record_in(new_sweep(), group, 10, 1);
  group.l2 = schema::L2::warm;
  record_in(new_sweep(), group, 9, 1);
  group.l2 = schema::L2::cold;
  group.routing = "zipf:1";
  record_in(new_sweep(), group, 8, 1);
  group = example_group();
  group.origin = schema::Origin::recorded;
  record_in(new_sweep(), group, 7, 1);
  group = example_group();
  group.problem.block_shape.reset();
  record_in(new_sweep(), group, 6, 1);
  group.problem.dtype = schema::Dtype::none;
  record_in(new_sweep(), group, 5, 1);
  EXPECT_EQ(groups().size(), 4U);
  EXPECT_EQ(groups(where({{"l2", "warm"}})).size(), 1U);
  EXPECT_EQ(groups(where({{"routing", "zipf:1"}})).size(), 1U);
  const std::vector<std::string> both = {"uniform", "zipf:1"};
  EXPECT_EQ(read([](Snapshot& snapshot) { return known_routings(snapshot, {}); }), both);
  EXPECT_EQ(groups(where({{"origin", "measured"}})).size(), 3U);
  EXPECT_EQ(groups(where({{"dtype", "none"}})).size(), 1U);
  EXPECT_EQ(groups(where({{"block_shape", "none"}})).size(), 2U);
  EXPECT_EQ(groups(where({{"E", "256"}, {"N", "512"}})).size(), 4U);
  EXPECT_TRUE(groups(where({{"E", "255"}, {"N", "512"}})).empty());
  for (const auto& match : groups()) EXPECT_EQ(best(match.id).size(), 1U);
}

TEST_F(BestQueryTest, MixesTheArchitectureNamesOfOneDevice) {
  const std::int64_t id = new_sweep();
  record(id, ok_trial(1, 0, 10));
  Trial other = ok_trial(1, 1, 9);
  other.arch = "sm_90a";
  record(id, other);
  ASSERT_EQ(groups().size(), 1U);
  const auto devices = read([](Snapshot& snapshot) { return list_devices(snapshot, std::nullopt, 10); });
  ASSERT_EQ(devices.size(), 1U);
  EXPECT_EQ(devices[0].name, "NVIDIA_H200");
  EXPECT_EQ(devices[0].archs, (std::vector<std::string>{"sm_90", "sm_90a"}));
  EXPECT_EQ(devices[0].rows, 2);
}

TEST_F(BestQueryTest, ListsProblemsInPages) {
  const std::int64_t id = new_sweep();
  for (int experts = 8; experts <= 128; experts *= 2) {
    Group group = example_group();
    group.problem.num_experts = experts;
    record_in(new_sweep(), group, 10, experts);
  }
  record(id, failed_trial(1, 0, TrialStatus::launch_error));
  const auto page = [&](std::optional<std::int64_t> after, std::int64_t limit) {
    return read([&](Snapshot& snapshot) { return list_problems(snapshot, after, limit); });
  };
  const auto first = page(std::nullopt, 4);
  ASSERT_EQ(first.size(), 4U);
  const auto second = page(first.back().id, 4);
  ASSERT_EQ(second.size(), 2U);
  std::int64_t ok_rows = 0;
  for (const auto& entries : {first, second}) {
    for (const auto& entry : entries) {
      EXPECT_EQ(entry.rows, 1);
      ok_rows += entry.ok_rows;
    }
  }
  EXPECT_EQ(ok_rows, 5);
  EXPECT_EQ(read([](Snapshot& snapshot) { return known_problems(snapshot); }).size(), 5U);
}

}  // namespace
}  // namespace moetune::db
