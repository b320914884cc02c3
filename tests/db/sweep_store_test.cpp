#include "db/sweep_store.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::SweepState;

class SweepStoreTest : public StoreTest {
 protected:
  Result<Sweep> change(std::int64_t id, SweepState state, std::string_view error = "") {
    return database().write(
        [&](Transaction& transaction) { return change_sweep_state(transaction, id, state, error); });
  }
  std::vector<std::int64_t> unfinished() {
    std::vector<std::int64_t> ids;
    for (const Sweep& sweep : read([](Snapshot& snapshot) { return unfinished_sweeps(snapshot); }))
      ids.push_back(sweep.id);
    return ids;
  }
  std::optional<Sweep> next() {
    return read([](Snapshot& snapshot) { return next_queued_sweep(snapshot); });
  }
};

TEST_F(SweepStoreTest, KeepsWhatWasAskedFor) {
  schema::SweepSpec spec = example_spec();
  spec.space = nlohmann::json{{"BLOCK_SIZE_M", {16, 32}}};
  spec.gpus = {0, 1};
  spec.seed = 7;
  spec.recording = "upload-1";
  const Sweep stored = sweep(new_sweep(spec));
  EXPECT_EQ(stored.spec, spec);
  EXPECT_EQ(stored.state, SweepState::queued);
  EXPECT_TRUE(stored.resolved.is_null());
  EXPECT_FALSE(stored.total);
  EXPECT_FALSE(stored.started_at);
  EXPECT_FALSE(stored.finished_at);
  EXPECT_GT(stored.created_at.ms, 0);
  EXPECT_FALSE(stored.discarded);
}

TEST_F(SweepStoreTest, StampsTheTimesOfItsStates) {
  const std::int64_t id = new_sweep();
  const Sweep running = must(change(id, SweepState::running));
  ASSERT_TRUE(running.started_at);
  must(change(id, SweepState::paused));
  const Sweep again = must(change(id, SweepState::running));
  EXPECT_EQ(again.started_at, running.started_at);
  const Sweep failed = must(change(id, SweepState::failed, "no GPU"));
  EXPECT_TRUE(failed.finished_at);
  EXPECT_EQ(failed.error, "no GPU");
}

TEST_F(SweepStoreTest, AllowsExactlyTheDocumentedTransitions) {
  const std::vector<SweepState> states = {SweepState::queued, SweepState::running, SweepState::paused,
                                          SweepState::done,   SweepState::failed,  SweepState::cancelled};
  // The way to each state, and what is allowed from there, in the order of `states`.
  const std::map<SweepState, std::pair<std::vector<SweepState>, std::string>> ways = {
      {SweepState::queued, {{}, "-rp-fc"}},
      {SweepState::running, {{SweepState::running}, "-rpdfc"}},
      {SweepState::paused, {{SweepState::paused}, "qrp--c"}},
      {SweepState::done, {{SweepState::running, SweepState::done}, "------"}},
      {SweepState::failed, {{SweepState::running, SweepState::failed}, "------"}},
      {SweepState::cancelled, {{SweepState::cancelled}, "------"}},
  };
  for (const auto& [from, way] : ways) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      const std::int64_t id = new_sweep();
      for (const SweepState step : way.first) must(change(id, step));
      const auto changed = change(id, states[i]);
      EXPECT_EQ(changed.has_value(), way.second[i] != '-') << name_of(from) << " to " << name_of(states[i]);
      if (!changed) {
        EXPECT_EQ(changed.error().code, ErrorCode::conflict);
        EXPECT_NE(changed.error().message.find(name_of(from)), std::string::npos) << changed.error().message;
      }
    }
  }
}

TEST_F(SweepStoreTest, QueuesInTheOrderOfCreation) {
  const std::int64_t first = new_sweep();
  const std::int64_t second = new_sweep();
  const std::int64_t third = new_sweep();
  ASSERT_TRUE(next());
  EXPECT_EQ(next()->id, first);
  must(change(first, SweepState::paused));
  EXPECT_EQ(next()->id, second);
  must(change(second, SweepState::running));
  EXPECT_EQ(next()->id, third);
  must(change(third, SweepState::cancelled));
  EXPECT_FALSE(next());
  EXPECT_EQ(unfinished(), (std::vector{first, second}));
  must(change(first, SweepState::queued));
  EXPECT_EQ(next()->id, first);
}

TEST_F(SweepStoreTest, PagesBySweepId) {
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(new_sweep());
  const auto page = [&](std::optional<std::int64_t> after, std::int64_t limit) {
    std::vector<std::int64_t> seen;
    for (const Sweep& sweep : read([&](Snapshot& snapshot) { return list_sweeps(snapshot, after, limit); })) {
      seen.push_back(sweep.id);
    }
    return seen;
  };
  EXPECT_EQ(page(std::nullopt, 2), (std::vector{ids[0], ids[1]}));
  EXPECT_EQ(page(ids[1], 2), (std::vector{ids[2], ids[3]}));
  EXPECT_EQ(page(ids[3], 2), (std::vector{ids[4]}));
  EXPECT_TRUE(page(ids[4], 2).empty());
}

TEST_F(SweepStoreTest, KeepsTheResolutionAndSumsItsCounters) {
  const std::int64_t id = new_sweep();
  const nlohmann::json resolved = {{"space", {1, 2, 3}}, {"odd", "\xFF"}};
  write([&](Transaction& transaction) {
    return resolve_sweep(transaction, id, {.resolved = resolved, .total = 12, .not_recorded = 3});
  });
  write([&](Transaction& transaction) { return add_compile_counts(transaction, id, {.done = 2, .failed = 1}); });
  write([&](Transaction& transaction) { return add_compile_counts(transaction, id, {.done = 1, .cached = 5}); });
  const Sweep stored = sweep(id);
  EXPECT_EQ(stored.total, 12);
  EXPECT_EQ(stored.not_recorded, 3);
  EXPECT_EQ(stored.compiles, (CompileCounts{.done = 3, .cached = 5, .failed = 1}));
  EXPECT_EQ(stored.resolved["space"], resolved["space"]);
  EXPECT_EQ(stored.resolved["odd"], "\xEF\xBF\xBD");
  finish(id);
  const auto late = database().write(
      [&](Transaction& transaction) { return resolve_sweep(transaction, id, {.resolved = {}, .total = 1}); });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::conflict);
}

TEST_F(SweepStoreTest, DiscardsOnlyWhatHasEnded) {
  const std::int64_t id = new_sweep();
  const auto early = database().write([&](Transaction& transaction) { return discard_sweep(transaction, id); });
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::conflict);
  must(change(id, SweepState::cancelled));
  discard(id);
  discard(id);
  EXPECT_TRUE(sweep(id).discarded);
  EXPECT_EQ(sweep(id).state, SweepState::cancelled);
}

TEST_F(SweepStoreTest, StoresADefaultOnce) {
  const std::int64_t id = new_sweep();
  const auto set = [&](int config, std::string_view source) {
    return database().write([&](Transaction& transaction) {
      return set_sweep_default(transaction, id, 1, example_config(config), source);
    });
  };
  EXPECT_TRUE(set(1, "vllm 0.11"));
  EXPECT_TRUE(set(1, "vllm 0.11"));
  const auto other = set(2, "vllm 0.11");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::conflict);
  EXPECT_FALSE(set(1, "vllm 0.12"));
}

TEST_F(SweepStoreTest, NamesASweepThatDoesNotExist) {
  const auto is_missing = [](const auto& result) {
    return !result && result.error().code == ErrorCode::not_found &&
           result.error().message.find("sweep 41") != std::string::npos;
  };
  EXPECT_TRUE(is_missing(database().read([](Snapshot& snapshot) { return find_sweep(snapshot, 41); })));
  EXPECT_TRUE(is_missing(change(41, SweepState::running)));
  EXPECT_TRUE(is_missing(database().write([](Transaction& t) { return discard_sweep(t, 41); })));
  EXPECT_TRUE(is_missing(database().write([](Transaction& t) { return add_compile_counts(t, 41, {}); })));
  EXPECT_TRUE(is_missing(database().write([](Transaction& t) { return resolve_sweep(t, 41, {}); })));
  EXPECT_TRUE(
      is_missing(database().write([](Transaction& t) { return set_sweep_default(t, 41, 1, example_config(0), "x"); })));
}

}  // namespace
}  // namespace moetune::db
