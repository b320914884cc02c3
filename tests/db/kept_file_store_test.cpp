#include "db/kept_file_store.hpp"

#include "db/best_query.hpp"
#include "db/traffic_store.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::EngineFormat;

class KeptFileStoreTest : public StoreTest {
 protected:
  /// A sweep that is done, with a row.
  std::int64_t done_sweep() {
    const auto id = new_sweep();
    record(id, ok_trial(1, 0, 10));
    finish(id);
    return id;
  }
  std::int64_t group() {
    return read([&](Snapshot& snapshot) { return matching_groups(snapshot, {}); }).front().id;
  }
  void keep(EngineFormat format, const KeptFile& file) {
    write([&](Transaction& transaction) { return keep_file(transaction, group(), format, file); });
  }
  std::optional<KeptFile> kept(EngineFormat format) {
    return read([&](Snapshot& snapshot) { return newest_kept_file(snapshot, group(), format); });
  }
};

TEST_F(KeptFileStoreTest, GivesBackTheNewestFileOfEachFormat) {
  const auto first = done_sweep();
  const auto second = done_sweep();
  const auto pair = schema::paired(example_config(1), example_config(2));
  const KeptFile old{first, std::nullopt, {{1, example_config(3)}}};
  const KeptFile both{second, std::nullopt, {{1, pair}, {64, example_config(4)}}};
  keep(EngineFormat::vllm, old);
  keep(EngineFormat::sglang, old);
  keep(EngineFormat::sglang, both);
  reopen();
  EXPECT_EQ(kept(EngineFormat::vllm), old);
  EXPECT_EQ(kept(EngineFormat::sglang), both);
}

TEST_F(KeptFileStoreTest, AFileOfADiscardedSweepIsNotInForce) {
  const auto first = done_sweep();
  const auto second = done_sweep();
  const KeptFile old{first, std::nullopt, {{1, example_config(3)}}};
  keep(EngineFormat::vllm, old);
  keep(EngineFormat::vllm, {second, std::nullopt, {{1, example_config(4)}}});
  discard(second);
  EXPECT_EQ(kept(EngineFormat::vllm), old);
  discard(first);
  done_sweep();
  EXPECT_EQ(kept(EngineFormat::vllm), std::nullopt);
}

TEST_F(KeptFileStoreTest, KnowsTheTrafficThatItWasPlacedBy) {
  const auto sweep = done_sweep();
  const auto traffic = write([&](Transaction& transaction) {
    return add_traffic(transaction, {"a.log", schema::TrafficSource::cudagraph, 1, {{8, 100, {}}}});
  });
  keep(EngineFormat::vllm, {sweep, traffic, {{1, example_config(3)}}});
  EXPECT_EQ(kept(EngineFormat::vllm)->traffic, traffic);
}

TEST_F(KeptFileStoreTest, NeverChangesThem) {
  const KeptFile file{done_sweep(), std::nullopt, {{1, example_config(3)}}};
  keep(EngineFormat::vllm, file);
  EXPECT_FALSE(database().write([&](Transaction& transaction) {
    return keep_file(transaction, group(), EngineFormat::vllm, file);
  })) << "one sweep, one file";
  EXPECT_NE(raw("UPDATE kept_files SET format = 'sglang'").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM kept_files").find("never deleted"), std::string::npos);
  EXPECT_NE(raw("UPDATE kept_keys SET batch = 2").find("never changed"), std::string::npos);
  EXPECT_NE(raw("DELETE FROM kept_keys").find("never deleted"), std::string::npos);
}

}  // namespace
}  // namespace moetune::db
