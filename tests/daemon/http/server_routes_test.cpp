#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "db/trial_listing.hpp"
#include "kernels/sha256.hpp"
#include "schema/engine_rules.hpp"
#include "tests/daemon/http/sample_trials.hpp"
#include "tests/daemon/http/server_fixture.hpp"

namespace moetune::daemon::http {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class ServerRoutesTest : public ServerTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(ServerRoutesTest, AQueuedSweepIsAnsweredWithItsIdAndPlace) {
  const Reply reply = post("/sweeps", k_problem);
  EXPECT_EQ(reply.status, 202);
  EXPECT_EQ(reply.body, "{\"id\":1}\n");
  EXPECT_EQ(reply.headers.at("location"), "/sweeps/1");
  const json sweep = get("/sweeps/1").json();
  EXPECT_EQ(sweep["spec"]["E"], 256);
  EXPECT_EQ(sweep["state"], "queued");
}

TEST_F(ServerRoutesTest, AModelTakesTheProblemsPlaceInASweep) {
  const std::string model = R"("model":{"architectures":["Qwen3MoeForCausalLM"],"dtype":"bfloat16","hidden_size":2048,)"
                            R"("moe_intermediate_size":[768,512],"num_experts":128,"num_experts_per_tok":8})";
  EXPECT_EQ(post("/sweeps", "{" + model + R"(,"tp":4,"N":192})").status, 202);
  const json spec = get("/sweeps/1").json()["spec"];
  EXPECT_EQ(spec["E"], 128);
  EXPECT_EQ(spec["N"], 192);
  EXPECT_EQ(spec["hidden_size"], 2048);
  EXPECT_FALSE(spec.contains("model"));
  const Reply ambiguous = post("/sweeps", "{" + model + R"(,"tp":4})");
  EXPECT_EQ(ambiguous.status, 400);
  EXPECT_EQ(ambiguous.json()["error"]["detail"]["shapes"].size(), 2U);
  EXPECT_THAT(ambiguous.body, HasSubstr("E=128, N=192"));
  const Reply dense = post("/sweeps", R"({"model":{"architectures":["LlamaForCausalLM"],"hidden_size":4096}})");
  EXPECT_EQ(dense.status, 409);
  EXPECT_THAT(dense.body, HasSubstr("nothing to tune: LlamaForCausalLM is dense"));
}

TEST_F(ServerRoutesTest, SweepsAreSteeredWithAndWithoutABody) {
  create_sweep();
  EXPECT_EQ(post("/sweeps/1/pause", "{}").json()["state"], "paused");
  EXPECT_EQ(request("POST", "/sweeps/1/resume").json()["state"], "queued");
  EXPECT_EQ(request("POST", "/sweeps/1/cancel", {{"Content-Length", "0"}}).json()["state"], "cancelled");
  EXPECT_EQ(request("POST", "/sweeps/1/discard", {{"Content-Type", "application/json"}}).json()["discarded"], true);
  const Reply again = request("POST", "/sweeps/1/pause");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.error_code(), "conflict");
}

TEST_F(ServerRoutesTest, SweepsComeInPages) {
  for (int i = 0; i < 5; ++i) create_sweep();
  const json first = get("/sweeps?limit=2").json();
  EXPECT_EQ(first["items"].size(), 2U);
  EXPECT_EQ(first["next"], 2);
  const json last = get("/sweeps?limit=2&after=4").json();
  EXPECT_EQ(last["items"][0]["id"], 5);
  EXPECT_EQ(last["next"], nullptr);
}

TEST_F(ServerRoutesTest, RowsComeInPagesOldestFirst) {
  import_rows(5);
  std::vector<double> latencies;
  std::string after;
  for (int page = 0; page < 3; ++page) {
    const json answer = get("/trials?limit=2" + after).json();
    for (const json& row : answer["items"]) latencies.push_back(row["latency_us"]);
    if (answer["next"].is_null()) break;
    after = fmt::format("&after={}", answer["next"].get<std::int64_t>());
  }
  EXPECT_THAT(latencies, ElementsAre(20.0, 20.25, 20.5, 20.75, 21.0));
}

TEST_F(ServerRoutesTest, RowsAreFilteredByEveryFieldOfTheirGroup) {
  import_rows(3);
  const auto count = [&](std::string_view query) {
    return get(fmt::format("/trials?{}", query)).json()["items"].size();
  };
  const std::string group =
      "device=NVIDIA_H200&E=256&N=512&hidden_size=2048&topk=8&dtype=fp8_w8a8&act_dtype=bfloat16&block_shape=128,128&"
      "gated=1&per_channel_quant=0&router_weight_on_input=0&kernel=vllm&kernel_digest=0123456789abcdef&compiler=triton%"
      "203.6.0&l2=cold&"
      "routing=uniform&origin=imported&batch=1&status=ok";
  EXPECT_EQ(count(group), 3U);
  for (const char* other :
       {"device=NVIDIA_A100", "E=128", "dtype=none", "block_shape=none", "gated=false", "router_weight_on_input=1",
        "l2=warm", "origin=measured", "batch=2", "status=launch_error", "sweep=elsewhere-1"}) {
    EXPECT_EQ(count(other), 0U) << other;
  }
}

TEST_F(ServerRoutesTest, ARoutingThatNobodyKnowsIsRefused) {
  import_rows(1);
  for (const char* route : {"/trials?", "/trials?format=jsonl&", "/best?E=256&N=512&", "/export?E=256&N=512&",
                            "/guarantee?E=256&N=512&", "/merge?E=256&N=512&robust=1&"}) {
    for (const char* bad : {"zipf:9", "unifrom", "counts:12", "layer3.json", "uniform,zipf:x"}) {
      const Reply refused = get(fmt::format("{}routing={}", route, bad));
      EXPECT_EQ(refused.status, 400) << route << bad;
      EXPECT_THAT(refused.body, AllOf(HasSubstr("is not known; rows are asked for by uniform, zipf:S"),
                                      HasSubstr("there are rows of uniform")));
    }
    EXPECT_NE(get(fmt::format("{}routing=zipf:1.2", route)).status, 400) << route;
  }
  EXPECT_EQ(get("/best?E=256&N=512&routing=uniform,zipf:1.2").status, 400) << "one at a time";
}

TEST_F(ServerRoutesTest, StreamedRowsCanBeReadIn) {
  import_rows(5);
  const Reply rows = get("/trials?format=jsonl");
  EXPECT_EQ(rows.headers.at("content-type"), "application/x-ndjson");
  std::istringstream lines(rows.body);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto trial = schema::trial_from_line(line);
    ASSERT_TRUE(trial) << trial.error().message;
    EXPECT_EQ(trial->group.origin, schema::Origin::imported);
  }
  EXPECT_EQ(count, 5);
  const json again = post("/import", rows.body, "application/x-ndjson").json();
  EXPECT_EQ(again["inserted"], 0);
  EXPECT_EQ(again["duplicates"], 5);
  EXPECT_EQ(get("/trials?format=jsonl&limit=2").body,
            rows.body.substr(0, rows.body.find('\n', rows.body.find('\n') + 1) + 1));
}

TEST_F(ServerRoutesTest, RowsAsCsvHaveAHeaderAlsoWhenThereAreNone) {
  EXPECT_THAT(get("/trials?format=csv").body, StartsWith("device,arch,E,N,"));
  import_rows(2);
  const Reply csv = get("/trials?format=csv");
  EXPECT_EQ(csv.headers.at("content-type"), "text/csv; charset=utf-8");
  EXPECT_THAT(csv.body,
              HasSubstr("\r\nNVIDIA_H200,sm_90,256,512,2048,8,fp8_w8a8,\"[128,128]\",bfloat16,true,false,false,1,"));
}

TEST_F(ServerRoutesTest, AnImportTellsTheBadLinesAndKeepsTheGoodOnes) {
  const std::string lines = sample_lines(1) + "\nnot json\n{\"E\":1}\n" + sample_lines(2);
  const Reply reply = post("/import", lines, "application/x-ndjson");
  EXPECT_EQ(reply.status, 200) << reply.body;
  const json report = reply.json();
  EXPECT_EQ(report["rejected"], 2);
  EXPECT_EQ(report["inserted"], 2);
  EXPECT_EQ(report["duplicates"], 1);
  EXPECT_EQ(report["rejections"][0]["line"], 3);
  EXPECT_EQ(report["rejections"][1]["line"], 4);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "uploads"));
}

TEST_F(ServerRoutesTest, AnImportMayBeCompressed) {
  const std::string packed = kernels::testing::zstd_of(sample_lines(50));
  const Reply reply = post("/import", packed, "application/octet-stream");
  EXPECT_EQ(reply.json()["inserted"], 50) << reply.body;
}

TEST_F(ServerRoutesTest, BestAndExportAnswerFromTheRows) {
  schema::Trial fast = sample_trial(1, 0);
  fast.sweep = "elsewhere-1";
  schema::Trial standard = fast;
  standard.config = schema::default_config(standard.group.problem, 1);
  standard.latency_us = 40.0;
  standard.samples_us = {40.0, 40.0, 40.0};
  const std::string lines = schema::to_json(fast).dump() + "\n" + schema::to_json(standard).dump() + "\n";
  ASSERT_EQ(post("/import", lines, "application/x-ndjson").status, 200);
  const json best = get("/best?E=256&N=512").json();
  ASSERT_EQ(best["results"].size(), 1U) << best;
  EXPECT_EQ(best["results"][0]["configs"]["1"]["latency_us"], 20.0);
  EXPECT_EQ(best["results"][0]["configs"]["1"]["default_latency_us"], 40.0);
  EXPECT_EQ(get("/best?E=256&N=512&batch=4000").json()["results"][0]["configs"].size(), 1U);
  const Reply file = get("/export?E=256&N=512&format=vllm");
  EXPECT_EQ(file.status, 200) << file.body;
  EXPECT_EQ(file.headers.at("content-disposition"),
            "attachment; filename=\"E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json\"");
  EXPECT_THAT(file.body, StartsWith("{\n    \"triton_version\": \"3.6.0\",\n    \"1\": {\n"));
  EXPECT_EQ(file.headers.at("content-length"), std::to_string(file.body.size()));
}

TEST_F(ServerRoutesTest, SglangsSecondFileIsASecondAnswer) {
  schema::Trial pair = sample_trial(1, 0);
  pair.sweep = "elsewhere-1";
  schema::Trial standard = pair;
  standard.status = schema::TrialStatus::out_of_resources;
  standard.config = schema::default_config(standard.group.problem, 1);
  standard.latency_us.reset();
  standard.samples_us.clear();
  schema::TileConfig down = pair.config;
  down.num_stages = 5;
  pair.config = paired(pair.config, down);
  const std::string lines = schema::to_json(pair).dump() + "\n" + schema::to_json(standard).dump() + "\n";
  ASSERT_EQ(post("/import", lines, "application/x-ndjson").status, 200);
  const std::string query = "/export?E=256&N=512&kernel=vllm&format=sglang";
  const Reply first = get(query);
  const Reply second = get(query + "&gemm=down");
  EXPECT_EQ(first.json()["1"]["num_stages"], 3);
  EXPECT_FALSE(first.json()["1"].contains("down"));
  EXPECT_EQ(second.json()["1"]["num_stages"], 5);
  EXPECT_EQ(first.headers.at("content-disposition"),
            "attachment; filename=\"E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128].json\"");
  EXPECT_EQ(second.headers.at("content-disposition"),
            "attachment; filename=\"E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,"
            "block_shape=[128, 128]_down.json\"");
  EXPECT_EQ(first.headers.at("etag"), second.headers.at("etag"));
  EXPECT_EQ(get(query + "&gemm=up").body, first.body);
  const auto refusal = [&](const std::string& target) {
    const Reply reply = get(target);
    return std::to_string(reply.status) + " " + reply.json()["error"]["message"].get<std::string>();
  };
  EXPECT_EQ(refusal(query + "&gemm=both"), "400 gemm \"both\" is not known; use up or down");
  EXPECT_EQ(refusal("/export?E=256&N=512&gemm=down"),
            "400 gemm \"down\" needs format sglang: a vllm file holds one tile for both GEMMs");
  EXPECT_THAT(refusal("/export?E=256&N=512"), StartsWith("409 batch 1: GEMM 2 was measured with a tile of its own"));
}

TEST_F(ServerRoutesTest, AFileIsSentAsItIsWhateverTheClientAccepts) {
  import_rows(1);
  const std::string plain = get("/export?E=256&N=512").body;
  const Reply asked = request("GET", "/export?E=256&N=512", {{"Accept-Encoding", "gzip, br"}, {"Range", "bytes=0-3"}});
  EXPECT_EQ(asked.status, 200);
  EXPECT_EQ(asked.body, plain);
  EXPECT_FALSE(asked.headers.contains("content-encoding"));
}

TEST_F(ServerRoutesTest, NothingKnownTellsTheNearestProblems) {
  import_rows(1);
  const Reply reply = get("/best?E=128&N=512");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.json()["error"]["detail"]["nearest"][0]["E"], 256);
}

TEST_F(ServerRoutesTest, NothingKnownSaysWhereOnlyTheGroupIsAnother) {
  import_rows(1);
  const auto answer = [&](const char* more) { return get(fmt::format("/best?E=256&N=512{}", more)).json()["error"]; };
  const json other = answer("&device=NVIDIA_L20&origin=measured");
  EXPECT_EQ(other["message"], "no measured row matches: the problem has rows, but of another device or origin");
  ASSERT_EQ(other["detail"]["nearest"].size(), 1U);
  EXPECT_EQ(other["detail"]["nearest"][0]["device"], "NVIDIA_H200");
  EXPECT_EQ(other["detail"]["nearest"][0]["origin"], "imported");
  EXPECT_FALSE(other["detail"]["nearest"][0].contains("kernel")) << "it is as asked for";
  EXPECT_EQ(answer("&l2=warm")["message"], "no measured row matches: the problem has rows, but of another l2");
  EXPECT_EQ(get("/export?E=256&N=512&kernel=vllm&device=NVIDIA_L20").json()["error"]["detail"]["nearest"][0]["device"],
            "NVIDIA_H200");
}

TEST_F(ServerRoutesTest, AnUploadIsKeptUnderItsDigest) {
  const std::string bytes = "{\"model_type\":\"qwen3_moe\"}";
  const Reply reply = post("/uploads", bytes);
  EXPECT_EQ(reply.status, 201);
  const std::string id = reply.json()["id"];
  EXPECT_EQ(id, kernels::sha256_hex(bytes));
  const auto path = uploads_->path(id);
  ASSERT_TRUE(path);
  std::ifstream file(*path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), bytes);
  EXPECT_EQ(post("/uploads", bytes, "application/octet-stream").json()["id"], id);
}

TEST_F(ServerRoutesTest, DevicesAndProblemsAreListed) {
  import_rows(4);
  const json devices = get("/devices").json();
  EXPECT_EQ(devices["items"][0]["device"], "NVIDIA_H200");
  EXPECT_EQ(devices["items"][0]["rows"], 4);
  const json problems = get("/problems?limit=1").json();
  EXPECT_EQ(problems["items"][0]["N"], 512);
  EXPECT_EQ(problems["next"], nullptr);
}

TEST_F(ServerRoutesTest, ABackupIsADatabaseOfTheSameRows) {
  import_rows(7);
  const Reply reply = get("/db/backup");
  ASSERT_TRUE(reply.whole);
  std::filesystem::create_directory(folder_.path() / "copy");
  std::ofstream(folder_.path() / "copy" / "results.db", std::ios::binary) << reply.body;
  const auto copy = db::Database::open(folder_.path() / "copy", db::Access::read_only);
  ASSERT_TRUE(copy) << copy.error().message;
  const auto rows = (*copy)->read([](db::Snapshot& snapshot) { return db::list_trials(snapshot, {}, {}, 100); });
  EXPECT_EQ(rows->size(), 7U);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "uploads"));
}

TEST_F(ServerRoutesTest, TheDatabaseIsChecked) {
  import_rows(3);
  const json report = get("/db/check").json();
  EXPECT_EQ(report["ok"], true) << report;
  EXPECT_EQ(report["trials"], 3);
}

TEST_F(ServerRoutesTest, TheCacheIsShownTrimmedAndCleared) {
  EXPECT_EQ(get("/cache").json()["writable"], true);
  EXPECT_EQ(post("/cache/trim", R"({"bytes":0})").json()["files"], 0);
  EXPECT_EQ(request("POST", "/cache/trim").status, 200);
  EXPECT_EQ(request("POST", "/cache/clear").json()["bytes"], 0);
  EXPECT_EQ(get("/cache/explain?key=abcd").status, 404);
}

TEST_F(ServerRoutesTest, HealthNamesTheVersion) {
  const json health = get("/healthz").json();
  EXPECT_EQ(health["status"], "ok") << health;
  EXPECT_EQ(health["version"], MOETUNE_VERSION);
}

TEST_F(ServerRoutesTest, MetricsHaveTheFamiliesThatAnOperatorWatches) {
  import_rows(2);
  create_sweep();
  const Reply reply = get("/metrics");
  EXPECT_EQ(reply.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"moetune_http_requests_total{route=\"/import\",method=\"POST\",status=\"200\"} 1\n",
        "moetune_http_event_streams 0\n", "# TYPE moetune_http_request_duration_seconds histogram\n",
        "moetune_cache_hits_total 0\n", "moetune_compile_jobs_total 17\n", "# TYPE moetune_measure_workers gauge\n",
        "moetune_trials{status=\"ok\"} 2\n", "moetune_sweeps{state=\"queued\"} 0\n"}) {
    EXPECT_THAT(reply.body, HasSubstr(line));
  }
}

TEST_F(ServerRoutesTest, TheIndexListsEveryRoute) {
  const Reply reply = get("/");
  EXPECT_EQ(reply.headers.at("content-type"), "text/plain; charset=utf-8");
  EXPECT_THAT(reply.body, HasSubstr("\nPOST /sweeps/{id}/discard\n"));
  EXPECT_THAT(reply.body, HasSubstr("\nGET  /best  ?device&E&N&"));
}

TEST_F(ServerRoutesTest, HeadHasTheHeaderOfGetAndNoBody) {
  const Reply head = request("HEAD", "/openapi.json");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(get("/openapi.json").body.size()));
}

}  // namespace
}  // namespace moetune::daemon::http
