#include "schema/sweep_spec.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

nlohmann::json minimal() {
  return {{"E", 8}, {"N", 64}, {"hidden_size", 128}, {"topk", 2}};
}

TEST(SweepSpecTest, DefaultsAreTheDocumentedOnes) {
  const auto spec = sweep_spec_from_json(minimal());
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->batches, default_batches());
  EXPECT_EQ(spec->space, "vllm");
  EXPECT_EQ(spec->l2, L2::cold);
  EXPECT_FALSE(spec->recording);
}

TEST(SweepSpecTest, ReadsWhatItWrites) {
  nlohmann::json full = minimal();
  full.update({{"batch", {64, 1}},
               {"kernel", "cuda"},
               {"space", {{"BLOCK_SIZE_M", {16}}}},
               {"l2", "warm"},
               {"gpus", {1, 0}},
               {"seed", 7},
               {"reuse", true},
               {"retry_failed", true},
               {"scan", false},
               {"imported", false},
               {"between", false},
               {"level", 0.95},
               {"min_gain", 0.02},
               {"recording", "ab"},
               {"compile", true}});
  const auto spec = sweep_spec_from_json(full);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->batches, (std::vector<std::int64_t>{1, 64}));
  EXPECT_FALSE(spec->imported);
  EXPECT_FALSE(spec->between);
  EXPECT_EQ(spec->choice, (ChoiceRule{.level = 0.95, .min_gain = 0.02}));
  EXPECT_EQ(sweep_spec_from_json(nlohmann::json(to_json(*spec))).value(), *spec);
}

TEST(SweepSpecTest, ARoutingIsMadeCanonical) {
  nlohmann::json spec = minimal();
  spec["routing"] = "zipf:1.50";
  EXPECT_EQ(sweep_spec_from_json(spec).value().routing, "zipf:1.5");
  EXPECT_EQ(to_json(sweep_spec_from_json(spec).value())["routing"], "zipf:1.5");
}

TEST(SweepSpecTest, CountsStandForTheirRouting) {
  nlohmann::json spec = minimal();
  spec["routing"] = {{"counts", {9, 0, 4, 3, 0, 0, 1, 2}}};
  const auto read = sweep_spec_from_json(spec);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->expert_counts.value().layers.at(0).at(2), 4);
  EXPECT_EQ(sweep_spec_from_json(nlohmann::json(to_json(*read))).value(), *read);
}

TEST(SweepSpecTest, BadFieldsAreNamed) {
  const std::tuple<const char*, nlohmann::json, const char*> table[] = {
      {"batch", nlohmann::json::array(), "sweep.batch must list at least one batch size"},
      {"batch", {1, 1}, "sweep.batch lists 1 twice"},
      {"batch", {0}, "sweep.batch must be between 1 and 1048576, not 0"},
      {"space", 7, "sweep.space must be a name (vllm, wide) or a space object"},
      {"strategy", "guess", "sweep.strategy must be race or exhaustive, not \"guess\""},
      {"routing", 7, "sweep.routing must be a name (uniform, zipf:1.2) or an object with counts or layers"},
      {"routing", "zipf:9", "routing \"zipf:9\": the exponent must be from 0.01 to 4, with at most two decimals"},
      {"routing", {{"counts", {1, 2}}}, "routing: layer 0 has counts of 2 experts, and the problem has 8 (E)"},
      {"l2", "hot", "l2 \"hot\" is not known; use cold or warm"},
      {"gpus", {0, 0}, "sweep.gpus lists 0 twice"},
      {"level", 0.4, "sweep.level must be between 0.5 and 0.9999, not 0.4"},
      {"min_gain", -0.1, "sweep.min_gain must be between 0 and 1, not -0.1"},
      {"seed", -1, "sweep.seed must be at least 0, not -1"},
      {"compile", true, "sweep.compile goes with recording: without one kernels are always compiled"},
  };
  for (const auto& [name, value, message] : table) {
    nlohmann::json broken = minimal();
    broken[name] = value;
    const auto spec = sweep_spec_from_json(broken);
    ASSERT_FALSE(spec) << name;
    EXPECT_EQ(spec.error().message, message);
  }
  nlohmann::json unknown = minimal();
  unknown["colour"] = 1;
  EXPECT_NE(sweep_spec_from_json(unknown).error().message.find("no field \"colour\""), std::string::npos);
}

nlohmann::json named(std::int64_t batch, int stages) {
  return {{"batch", batch}, {"config", to_json(TileConfig{16, 64, 64, 1, 4, stages})}};
}

TEST(SweepSpecTest, NamedCandidatesSayWhichBatchesThereAre) {
  nlohmann::json value = minimal();
  value["candidates"] = {named(64, 2), named(1, 4), named(64, 3)};
  value["rounds"] = {{"most", 30}};
  const auto spec = sweep_spec_from_json(value);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->batches, (std::vector<std::int64_t>{1, 64}));
  EXPECT_EQ(spec->candidates.at(64).front().num_stages, 2);
  EXPECT_EQ(spec->candidates.at(64).back().num_stages, 3);
  EXPECT_EQ(spec->rounds->most, 30);
  EXPECT_EQ(sweep_spec_from_json(nlohmann::json(to_json(*spec))).value(), *spec);
}

TEST(SweepSpecTest, NamedCandidatesThatDoNotReadAreRefused) {
  const auto refusal = [](const nlohmann::json& fields) {
    nlohmann::json value = minimal();
    value.update(fields);
    const auto spec = sweep_spec_from_json(value);
    return spec ? "" : spec.error().message;
  };
  const nlohmann::json list = {named(1, 2)};
  EXPECT_EQ(refusal({{"candidates", list}, {"batch", {2}}}),
            "sweep.batch must list the batches of the candidates, or be left out");
  EXPECT_EQ(refusal({{"candidates", nlohmann::json::array()}}),
            "sweep.candidates must be a list of 1 to 65536 objects with batch and config");
  EXPECT_EQ(refusal({{"candidates", {{{"batch", 0}, {"config", list[0]["config"]}}}}}),
            "sweep.candidates.batch must be between 1 and 1048576, not 0");
  EXPECT_NE(refusal({{"candidates", {{{"batch", 1}}}}}), "");
  EXPECT_NE(refusal({{"candidates", {{{"batch", 1}, {"config", {{"BLOCK_SIZE_M", 16}}}}}}}).find("sweep.candidates: "),
            std::string::npos);
  EXPECT_EQ(refusal({{"candidates", list}, {"space", "wide"}}),
            "sweep.space does not go with candidates, which are measured instead");
  nlohmann::json many = nlohmann::json::array();
  for (int group = 1; group <= 65; ++group) {
    many.push_back({{"batch", 1}, {"config", to_json(TileConfig{16, 64, 64, group, 4, 2})}});
  }
  EXPECT_EQ(refusal({{"candidates", many}, {"rounds", nlohmann::json::object()}}),
            "sweep.candidates has 65 for batch 1, and at most 64 can take turns");
  EXPECT_EQ(refusal({{"candidates", many}}), "");
  EXPECT_EQ(refusal({{"rounds", nlohmann::json::object()}}), "sweep.rounds goes with candidates");
  EXPECT_EQ(refusal({{"best_known", true}}), "sweep.best_known goes with candidates");
  EXPECT_EQ(refusal({{"candidates", list}, {"rounds", nlohmann::json::object()}, {"reuse", true}}),
            "sweep.reuse does not go with rounds: only what is measured in turns can be compared");
  EXPECT_EQ(refusal({{"candidates", list}, {"rounds", nullptr}}), "");
}

}  // namespace
}  // namespace moetune::schema
