#include "daemon/publication.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "db/trial_listing.hpp"

#include "tests/db/store_fixture.hpp"

namespace moetune::daemon {
namespace {

using db::example_config;
using db::ok_trial;
using nlohmann::ordered_json;
using schema::Trial;
using schema::publish::FileSet;
using schema::publish::Publication;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string k_vllm = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
const std::string k_sglang = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]";

class PublicationTest : public db::StoreTest {
 protected:
  using Change = std::function<void(Trial&)>;
  /// As many keys as a file needs that covers all batches.
  const std::vector<std::int64_t> batches_ = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

  /// A sweep of vLLM's kernel that is still running: in each batch the default (configuration 0) takes 100 us, 1 takes
  /// 90, 2 takes 80. `change` may alter each row.
  std::int64_t running(const Change& change = {}, std::vector<std::int64_t> batches = {}) {
    auto spec = db::example_spec();
    spec.batches = batches.empty() ? batches_ : batches;
    const auto id = new_sweep(spec);
    for (const auto batch : spec.batches) {
      write([&](db::Transaction& transaction) {
        return db::set_sweep_default(transaction, id, batch, example_config(0), "vllm 0.33.0 get_default_config");
      });
      for (int config = 0; config < 3; ++config) {
        Trial trial = ok_trial(batch, config, 100 - 10 * config);
        trial.group.kernel = "vllm";
        trial.group.compiler = "triton 3.6.0";
        trial.gpu_uuid = "GPU-1";
        trial.driver = "580.1";
        if (change) change(trial);
        record(id, trial);
      }
    }
    return id;
  }
  std::int64_t done(const Change& change = {}, std::vector<std::int64_t> batches = {}) {
    const auto id = running(change, std::move(batches));
    finish(id);
    return id;
  }
  static Change kernel(const std::string& name) {
    return [name](Trial& trial) { trial.group.kernel = name; };
  }
  static Change hidden(std::int64_t size, const std::vector<double>& latencies) {
    return [=](Trial& trial) {
      trial.group.problem.hidden_size = size;
      const int config = trial.config.num_stages - 1;
      trial.latency_us = latencies[static_cast<std::size_t>(config)];
      trial.samples_us = {*trial.latency_us, *trial.latency_us, *trial.latency_us};
    };
  }
  Publication published(const PublicationQuery& query = {}) { return must(publication_of(database(), query)); }
  static ordered_json file_in(const FileSet& set, std::size_t place = 0) {
    return ordered_json::parse(set.files.at(place).bytes);
  }
  static ordered_json entry(int config) { return schema::to_json(example_config(config)); }
  /// The only reason why nothing is published.
  std::string reason(const PublicationQuery& query = {}) {
    const auto publication = published(query);
    EXPECT_THAT(publication.sets, IsEmpty());
    EXPECT_EQ(publication.left_out.size(), 1U);
    return publication.left_out.empty() ? "" : publication.left_out[0].path + ": " + publication.left_out[0].reason;
  }
};

TEST_F(PublicationTest, NothingKnownIsNothingPublished) {
  const auto publication = published();
  EXPECT_THAT(publication.sets, IsEmpty());
  EXPECT_THAT(publication.left_out, IsEmpty());
  EXPECT_EQ(publication.database, database().uuid());
}

TEST_F(PublicationTest, ACompleteSweepMakesVllmsFile) {
  const auto id = done();
  const auto publication = published();
  ASSERT_EQ(publication.sets.size(), 1U);
  const auto& set = publication.sets[0];
  ASSERT_EQ(set.files.size(), 1U);
  EXPECT_EQ(set.files[0].path, k_vllm);
  EXPECT_EQ(file_in(set)["triton_version"], "3.6.0");
  EXPECT_EQ(file_in(set).size(), batches_.size() + 1);
  EXPECT_EQ(file_in(set)["64"], entry(2));
  EXPECT_THAT(publication.left_out, IsEmpty());
  const auto& source = set.source;
  EXPECT_EQ(source["engine"], "vllm");
  EXPECT_EQ(source["kernel_digest"], "d1");
  EXPECT_THAT(source["exceptions"], IsEmpty());
  EXPECT_TRUE(publication.scope.covers(source));
  EXPECT_FALSE(published({.kernel = "cuda"}).scope.covers(source));
  EXPECT_FALSE(published({.format = schema::EngineFormat::sglang}).scope.covers(source));
  EXPECT_EQ(source["compiler"], "triton 3.6.0");
  EXPECT_EQ(source["problems"].size(), 1U);
  EXPECT_EQ(source["problems"][0]["hidden_size"], 2048);
  EXPECT_EQ(source["keys"].size(), batches_.size());
  const auto& row = source["keys"]["64"]["rows"][0];
  EXPECT_EQ(row["sweep"], sweep(id).label);
  EXPECT_EQ(row["latency_us"], 80.0);
  EXPECT_EQ(row["default_us"], 100.0);
  EXPECT_EQ(row["default_source"], "vllm 0.33.0 get_default_config");
  EXPECT_EQ(row["driver"], "580.1");
  EXPECT_EQ(row["gpu_uuid"], "GPU-1");
  const auto trial = read([&](db::Snapshot& snapshot) { return db::find_trial(snapshot, row["trial"]); }).trial;
  EXPECT_EQ(trial.batch, 64);
  EXPECT_EQ(trial.config, example_config(2));
  const auto standard =
      read([&](db::Snapshot& snapshot) { return db::find_trial(snapshot, row["default_trial"]); }).trial;
  EXPECT_EQ(standard.config, example_config(0));
}

TEST_F(PublicationTest, SglangGetsAPairForEveryTriton) {
  done(kernel("sglang"));
  done([](Trial& trial) {
    trial.group.kernel = "sglang";
    trial.group.compiler = "triton 3.5.1+git";
    if (trial.config == example_config(2)) trial.config = paired(example_config(2), example_config(5));
  });
  const auto publication = published();
  ASSERT_EQ(publication.sets.size(), 2U);
  EXPECT_EQ(publication.sets[0].files.at(0).path, "configs/triton_3_5_1/" + k_sglang + ".json");
  EXPECT_EQ(publication.sets[0].files.at(1).path, "configs/triton_3_5_1/" + k_sglang + "_down.json");
  EXPECT_EQ(file_in(publication.sets[0], 0)["1"], entry(2));
  EXPECT_EQ(file_in(publication.sets[0], 1)["1"], entry(5));
  EXPECT_EQ(publication.sets[1].files.at(0).path, "configs/triton_3_6_0/" + k_sglang + ".json");
  EXPECT_EQ(publication.sets[1].files.at(0).bytes, publication.sets[1].files.at(1).bytes);
  EXPECT_FALSE(file_in(publication.sets[0]).contains("triton_version"));
}

TEST_F(PublicationTest, OnlySweepsThatAreDoneCount) {
  const auto id = running();
  EXPECT_EQ(reason(), k_vllm + ": none of its sweeps is done");
  finish(id, schema::SweepState::cancelled);
  EXPECT_EQ(reason(), k_vllm + ": none of its sweeps is done");
  done();
  running([](Trial& trial) {
    trial.config = example_config(trial.config.num_stages + 9);
    trial.latency_us = 5;
  });
  EXPECT_EQ(file_in(published().sets.at(0))["1"], entry(2)) << "a running sweep's best row is not the last word";
}

TEST_F(PublicationTest, ADiscardedSweepCountsNoMore) {
  const auto id = done();
  discard(id);
  const auto publication = published();
  EXPECT_THAT(publication.sets, IsEmpty());
}

TEST_F(PublicationTest, FarApartKeysAreLeftOutUnlessAllowed) {
  done({}, {1, 64});
  EXPECT_THAT(reason(), HasSubstr(k_vllm + ": nothing was measured between 1 and 64"));
  EXPECT_EQ(file_in(published({.allow_gaps = true}).sets.at(0)).size(), 3U);
  done({}, {2, 4, 8, 16, 32, 128, 256, 512, 1024, 2048, 4096});
  EXPECT_EQ(file_in(published().sets.at(0)).size(), 14U) << "several sweeps complete each other";
}

TEST_F(PublicationTest, RecordedRowsAreLeftOutUnlessAllowed) {
  done([](Trial& trial) { trial.group.origin = schema::Origin::recorded; });
  EXPECT_THAT(reason(), HasSubstr("its rows come from a recording"));
  const auto allowed = published({.allow_recorded = true});
  const auto& source = allowed.sets.at(0).source;
  EXPECT_EQ(source["problems"][0]["origin"], "recorded");
  EXPECT_EQ(source["exceptions"], ordered_json({"allow_recorded"}));
  EXPECT_TRUE(allowed.scope.covers(source));
  EXPECT_FALSE(published().scope.covers(source));
}

TEST_F(PublicationTest, AnotherKernelsRowsAreTakenOnlyWhenNamed) {
  done(kernel("cuda"));
  const auto publication = published();
  EXPECT_THAT(publication.sets, IsEmpty());
  EXPECT_THAT(publication.other_kernels, ElementsAre("cuda"));
  EXPECT_EQ(published({.kernel = "cuda"}).sets.at(0).files.at(0).path, k_vllm);
  EXPECT_EQ(published({.kernel = "cuda", .format = schema::EngineFormat::sglang}).sets.at(0).files.size(), 2U);
  EXPECT_THAT(published({.kernel = "cuda"}).other_kernels, IsEmpty());
  EXPECT_EQ(publication_of(database(), {.kernel = "vllm-scan"}).error().code, schema::ErrorCode::invalid_argument);
}

TEST_F(PublicationTest, NvrtcIsNoVersionOfTriton) {
  done([](Trial& trial) {
    trial.group.kernel = "cuda";
    trial.group.compiler = "nvrtc 13.0";
  });
  const auto publication = published({.kernel = "cuda", .format = schema::EngineFormat::sglang});
  EXPECT_THAT(publication.sets, IsEmpty());
  ASSERT_EQ(publication.left_out.size(), 1U);
  EXPECT_THAT(publication.left_out[0].reason, HasSubstr("compiled by nvrtc 13.0"));
}

TEST_F(PublicationTest, ProblemsThatShareAFileAreMerged) {
  done(hidden(2048, {100, 50, 60}));
  EXPECT_EQ(file_in(published().sets.at(0))["1"], entry(1));
  done(hidden(7168, {200, 210, 150}));
  const auto publication = published();
  ASSERT_EQ(publication.sets.size(), 1U);
  EXPECT_EQ(file_in(publication.sets[0])["1"], entry(2));
  const auto& source = publication.sets[0].source;
  EXPECT_EQ(source["problems"].size(), 2U);
  EXPECT_EQ(source["keys"]["1"]["regret"], 1.2);
  EXPECT_EQ(source["keys"]["1"]["rows"][0]["latency_us"], 60.0);
  EXPECT_EQ(source["keys"]["1"]["rows"][1]["latency_us"], 150.0);
  EXPECT_NE(source["keys"]["1"]["rows"][0]["sweep"], source["keys"]["1"]["rows"][1]["sweep"]);
  EXPECT_TRUE(source["keys"]["1"]["rows"][1]["trial"].is_number());
}

TEST_F(PublicationTest, MergedKeysThatOneProblemLacksCountAsMissing) {
  done(hidden(2048, {100, 50, 60}));
  done(hidden(7168, {200, 210, 150}), {1, 2});
  EXPECT_THAT(reason(), HasSubstr("nothing was measured between 2 and 4096"));
  const auto allowed = published({.allow_gaps = true});
  const auto& source = allowed.sets.at(0).source;
  EXPECT_EQ(source["missing"].size(), batches_.size() - 2);
  EXPECT_EQ(source["exceptions"], ordered_json({"allow_gaps"}));
  EXPECT_TRUE(allowed.scope.covers(source));
  EXPECT_FALSE(published({.allow_recorded = true}).scope.covers(source));
}

TEST_F(PublicationTest, TheNewestVersionThatAllProblemsHaveIsTaken) {
  const auto of_version = [](const char* compiler, std::int64_t size, std::int64_t when) {
    return [=](Trial& trial) {
      trial.group.compiler = compiler;
      trial.group.problem.hidden_size = size;
      trial.measured_at = {when};
    };
  };
  done(of_version("triton 3.5.0", 2048, 1000));
  done(of_version("triton 3.6.0", 2048, 2000));
  EXPECT_EQ(file_in(published().sets.at(0))["triton_version"], "3.6.0");
  done(of_version("triton 3.5.0", 7168, 1500));
  EXPECT_EQ(file_in(published().sets.at(0))["triton_version"], "3.5.0");
  EXPECT_EQ(published().sets.at(0).source["problems"].size(), 2U);
  done(of_version("triton 3.4.0", 4096, 3000));
  EXPECT_THAT(reason(), HasSubstr("not all measured with one version"));
}

TEST_F(PublicationTest, ANewerVersionCountsOnceItsFileCanBeTrusted) {
  const auto of_compiler = [](const char* compiler, std::int64_t when) {
    return [=](Trial& trial) {
      trial.group.compiler = compiler;
      trial.measured_at = {when};
    };
  };
  done(of_compiler("triton 3.5.0", 1000));
  done(of_compiler("triton 3.6.0", 2000), {1, 2});
  EXPECT_EQ(file_in(published().sets.at(0))["triton_version"], "3.5.0") << "a few batches are no file yet";
  EXPECT_THAT(published().left_out, IsEmpty());
  done(of_compiler("triton 3.6.0", 3000));
  EXPECT_EQ(file_in(published().sets.at(0))["triton_version"], "3.6.0");
}

TEST_F(PublicationTest, MeasuredRowsComeBeforeImportedOnesOfTheSameProblem) {
  done();
  done([](Trial& trial) {
    trial.group.origin = schema::Origin::imported;
    trial.latency_us = *trial.latency_us / 2;
  });
  const auto publication = published();
  ASSERT_EQ(publication.sets.size(), 1U);
  EXPECT_EQ(publication.sets[0].source["problems"].size(), 1U);
  EXPECT_EQ(publication.sets[0].source["problems"][0]["origin"], "measured");
}

TEST_F(PublicationTest, WithoutAKnownDefaultNothingIsPublished) {
  const auto id = new_sweep();
  for (const auto batch : batches_) {
    Trial trial = ok_trial(batch, 1, 50);
    trial.group.kernel = "vllm";
    record(id, trial);
  }
  finish(id);
  EXPECT_THAT(reason(), HasSubstr("batch 1: the engine's default is not known"));
}

TEST_F(PublicationTest, WarmRowsAndOtherRoutingsMakeNoFile) {
  done([](Trial& trial) { trial.group.l2 = schema::L2::warm; });
  done([](Trial& trial) { trial.group.routing = "skewed"; });
  EXPECT_THAT(published().sets, IsEmpty());
}

TEST_F(PublicationTest, ADeviceThatIsNoFileNameIsLeftOut) {
  done([](Trial& trial) {
    trial.group.device = "AMD_MI50/MI60";
    trial.group.kernel = "sglang";  // vLLM has "_" in the place of "/"
  });
  EXPECT_THAT(reason(), HasSubstr("cannot be part of a file name"));
}

}  // namespace
}  // namespace moetune::daemon
