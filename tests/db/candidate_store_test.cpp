#include "db/candidate_store.hpp"

#include "db/maintenance.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::StoredCandidateSet;

const std::string k_digest(64, 'a');
const std::string k_row =
    R"({"BLOCK_SIZE_M":64,"BLOCK_SIZE_N":128,"BLOCK_SIZE_K":256,"GROUP_SIZE_M":16,"num_warps":8,"num_stages":4})";

class CandidateStoreTest : public StoreTest {
 protected:
  static schema::CandidateSet example(const std::string& name, const std::string& text) {
    return must(schema::candidate_set_from_file({"/x/vllm/configs/" + name, "0.33.0", text}));
  }
  AddedCandidateSet add(const std::string& name, const std::string& text = "{\"1\":" + k_row + "}",
                        const std::string& digest = k_digest) {
    return write([&](Transaction& transaction) { return add_candidate_set(transaction, example(name, text), digest); });
  }
  std::vector<std::int64_t> listed(const CandidateFilter& filter, std::optional<std::int64_t> after = std::nullopt,
                                   std::int64_t limit = 100) {
    std::vector<std::int64_t> ids;
    for (const auto& set :
         read([&](Snapshot& snapshot) { return list_candidate_sets(snapshot, filter, after, limit); })) {
      ids.push_back(set.id);
    }
    return ids;
  }
  std::vector<std::int64_t> seeding(const schema::Problem& problem, std::int64_t limit = 1000) {
    std::vector<std::int64_t> ids;
    for (const auto& set : read([&](Snapshot& snapshot) { return seeding_sets(snapshot, problem, limit); })) {
      ids.push_back(set.id);
    }
    return ids;
  }
};

TEST_F(CandidateStoreTest, GivesBackWhatWasStored) {
  const std::string text = R"({"triton_version":"3.6.0","8":)" + k_row + R"(,"x":{},"1":)" + k_row + "}";
  const auto set = example("E=8,N=256,device_name=AMD_Instinct_MI300X,dtype=fp8_w8a8,block_shape=[128,128].json", text);
  const auto added = write([&](Transaction& t) { return add_candidate_set(t, set, k_digest); });
  EXPECT_FALSE(added.known);
  reopen();
  const StoredCandidateSet stored = read([&](Snapshot& snapshot) { return find_candidate_set(snapshot, added.id); });
  EXPECT_EQ(stored.set, static_cast<const schema::CandidateFacts&>(set));
  EXPECT_EQ(stored.triton_version, "3.6.0");
  EXPECT_EQ(stored.digest, k_digest);
  const schema::TileConfig tile{64, 128, 256, 16, 8, 4};
  EXPECT_EQ(stored.rows, 2);
  EXPECT_EQ(stored.unusable, 1);
  EXPECT_GT(stored.imported_at.ms, 0);
  const auto seeding = read([&](Snapshot& snapshot) { return find_seeding_set(snapshot, added.id); });
  EXPECT_EQ(seeding.name, set.name);
  EXPECT_EQ(seeding.device, "AMD_Instinct_MI300X");
  EXPECT_EQ(seeding.tiles.rows, (std::vector<std::pair<std::int64_t, schema::TileConfig>>{{1, tile}, {8, tile}}));
  EXPECT_EQ(seeding.tiles.unusable, 1);
  const auto content = read([&](Snapshot& snapshot) { return find_candidate_content(snapshot, added.id); });
  EXPECT_EQ(content.file, set.file);
  EXPECT_EQ(content.text, engine_rows_text(set.rows));
  EXPECT_EQ(must(check_database(data_dir())).findings, std::vector<std::string>{});
}

TEST_F(CandidateStoreTest, KnowsTheSameFileAgain) {
  const std::string name = "E=8,N=256,device_name=NVIDIA_H200.json";
  const auto first = add(name);
  const auto again = add(name);
  EXPECT_TRUE(again.known);
  EXPECT_EQ(again.id, first.id);
  EXPECT_FALSE(add(name, "{}", std::string(64, 'b')).known) << "another content";
  EXPECT_FALSE(add("E=8,N=256,device_name=NVIDIA_H20.json").known) << "the same bytes for another device";
  EXPECT_EQ(listed({}).size(), 3U);
}

TEST_F(CandidateStoreTest, ListsWhatTheFilesNamesSay) {
  const auto plain = add("E=8,N=256,device_name=NVIDIA_H200.json").id;
  const auto block = add("E=8,N=256,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json").id;
  const auto tensor = add("E=8,N=256,device_name=NVIDIA_H20,dtype=fp8_w8a8.json").id;
  const auto other = add("E=9,N=256,device_name=NVIDIA_H20,dtype=fp8_w8a8.json").id;
  using Ids = std::vector<std::int64_t>;
  CandidateFilter filter;
  EXPECT_EQ(listed(filter), (Ids{plain, block, tensor, other}));
  EXPECT_EQ(listed(filter, block, 1), (Ids{tensor}));
  filter.num_experts = 8;
  EXPECT_EQ(listed(filter), (Ids{plain, block, tensor}));
  filter.dtype = "";
  EXPECT_EQ(listed(filter), (Ids{plain}));
  filter.dtype = "fp8_w8a8";
  EXPECT_EQ(listed(filter), (Ids{block, tensor}));
  filter.block_shape.emplace(std::nullopt);
  EXPECT_EQ(listed(filter), (Ids{tensor}));
  filter.block_shape = schema::BlockShape{128, 128};
  EXPECT_EQ(listed(filter), (Ids{block}));
  filter.block_shape = schema::BlockShape{128, 64};
  EXPECT_EQ(listed(filter), (Ids{}));
  filter = {};
  filter.device = "NVIDIA_H20";
  EXPECT_EQ(listed(filter), (Ids{tensor, other}));
  filter.engine = schema::EngineFormat::sglang;
  EXPECT_EQ(listed(filter), (Ids{}));
}

TEST_F(CandidateStoreTest, ListsAndSeedsWithoutReadingContents) {
  const std::string name = "E=8,N=256,device_name=NVIDIA_H200.json";
  const auto id = add(name).id;
  raw("PRAGMA foreign_keys = OFF; DROP TABLE candidate_contents");
  EXPECT_EQ(listed({}), std::vector<std::int64_t>{id});
  EXPECT_EQ(read([&](Snapshot& snapshot) { return find_candidate_set(snapshot, id); }).rows, 1);
  const schema::Problem problem{8, 256, 2048, 8, schema::Dtype::none, {}, {}};
  EXPECT_EQ(seeding(problem), std::vector<std::int64_t>{id});
}

TEST_F(CandidateStoreTest, AProblemFindsTheFilesOfItsNameOnAnyDevice) {
  const auto h20 = add("E=256,N=512,device_name=NVIDIA_H20,dtype=fp8_w8a8,block_shape=[128,128].json").id;
  add("E=256,N=512,device_name=NVIDIA_H20,dtype=fp8_w8a8.json");
  const auto amd = add("E=256,N=512,device_name=AMD_Instinct_MI300X,dtype=fp8_w8a8,block_shape=[128,128].json").id;
  const auto grouped = add("E=256,N=512,device_name=NVIDIA_H20,dtype=int4_w4a16.json").id;
  schema::Problem problem{256, 512, 2048, 8, schema::Dtype::fp8_w8a8, {}, schema::BlockShape{128, 128}};
  EXPECT_EQ(seeding(problem), (std::vector<std::int64_t>{h20, amd}));
  problem.dtype = schema::Dtype::int4_w4a16;
  problem.block_shape = schema::BlockShape{0, 128};
  EXPECT_EQ(seeding(problem), (std::vector<std::int64_t>{grouped})) << "no name carries a group size";
}

TEST_F(CandidateStoreTest, OfTooManyFilesOfAProblemTheNewestSeed) {
  std::vector<std::int64_t> ids;
  for (const char* device : {"NVIDIA_A100", "NVIDIA_H100", "NVIDIA_H20", "NVIDIA_H200"}) {
    ids.push_back(add(std::string("E=8,N=256,device_name=") + device + ".json").id);
  }
  const schema::Problem problem{8, 256, 2048, 8, schema::Dtype::none, {}, {}};
  EXPECT_EQ(seeding(problem, 3), (std::vector<std::int64_t>{ids[1], ids[2], ids[3]}));
}

TEST_F(CandidateStoreTest, ASweepKeepsWhatItBeganWith) {
  const auto id = add("E=8,N=256,device_name=NVIDIA_H200.json").id;
  const auto sweep = new_sweep();
  write([&](Transaction& t) { return set_sweep_candidates(t, sweep, {{id, "", 18, 2}}); });
  const auto shares = read([&](Snapshot& snapshot) { return candidates_of_sweep(snapshot, sweep); });
  EXPECT_EQ(shares,
            (std::vector<schema::CandidateShare>{{id, "vllm-0.33.0/E=8,N=256,device_name=NVIDIA_H200.json", 18, 2}}));
  EXPECT_FALSE(database().write([&](Transaction& t) { return set_sweep_candidates(t, sweep, {{id, "", 1, 0}}); }));
  EXPECT_FALSE(database().write([&](Transaction& t) { return set_sweep_candidates(t, sweep, {{77, "", 1, 0}}); }));
}

TEST_F(CandidateStoreTest, ADiscardedSetSeedsNoNewSweepAndStaysReadable) {
  const std::string name = "E=8,N=256,device_name=NVIDIA_H200.json";
  const auto id = add(name).id;
  const auto other = add("E=8,N=256,device_name=NVIDIA_H20.json").id;
  const auto sweep = new_sweep();
  write([&](Transaction& t) { return set_sweep_candidates(t, sweep, {{id, "", 18, 2}}); });
  EXPECT_TRUE(write([&](Transaction& t) { return discard_candidate_set(t, id); }).discarded);
  const schema::Problem problem{8, 256, 2048, 8, schema::Dtype::none, {}, {}};
  EXPECT_EQ(seeding(problem), std::vector<std::int64_t>{other});
  EXPECT_EQ(listed({}), std::vector<std::int64_t>{other});
  CandidateFilter all;
  all.include_discarded = true;
  EXPECT_EQ(listed(all), (std::vector<std::int64_t>{id, other}));
  EXPECT_TRUE(read([&](Snapshot& snapshot) { return find_candidate_set(snapshot, id); }).discarded);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return find_seeding_set(snapshot, id); }).tiles.rows.size(), 1U);
  EXPECT_EQ(read([&](Snapshot& snapshot) { return candidates_of_sweep(snapshot, sweep); }).size(), 1U);
  EXPECT_TRUE(add(name).known) << "imported again";
  EXPECT_EQ(seeding(problem), (std::vector<std::int64_t>{id, other}));
  const auto missing = database().write([](Transaction& t) { return discard_candidate_set(t, 77); });
  EXPECT_EQ(missing.error().message, "there is no candidate set 77");
}

TEST_F(CandidateStoreTest, NothingOfItChanges) {
  const auto id = add("E=8,N=256,device_name=NVIDIA_H200.json").id;
  const auto sweep = new_sweep();
  write([&](Transaction& t) { return set_sweep_candidates(t, sweep, {{id, "", 18, 2}}); });
  for (const char* change : {"candidate_sets SET path = 'x'", "candidate_contents SET content = '{}'",
                             "candidates SET batch = 7", "sweep_candidates SET left_out = 0"}) {
    EXPECT_NE(raw(std::string("UPDATE ") + change).find("never changed"), std::string::npos) << change;
  }
  for (const char* table : {"candidate_sets", "candidate_contents", "candidates", "sweep_candidates"}) {
    EXPECT_NE(raw(std::string("PRAGMA foreign_keys = OFF; DELETE FROM ") + table).find("never deleted"),
              std::string::npos)
        << table;
  }
}

TEST_F(CandidateStoreTest, SaysWhichSetIsNotThere) {
  const auto missing = database().read([](Snapshot& snapshot) { return find_candidate_set(snapshot, 5); });
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(missing.error().message, "there is no candidate set 5");
}

}  // namespace
}  // namespace moetune::db
