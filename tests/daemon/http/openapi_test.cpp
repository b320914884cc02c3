#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "daemon/http/parameters.hpp"
#include "daemon/http/route.hpp"
#include "db/routing_store.hpp"
#include "db/sweep_store.hpp"
#include "db/trial_store.hpp"
#include "schema/engine_rules.hpp"
#include "tests/daemon/http/sample_trials.hpp"
#include "tests/daemon/http/schema_check.hpp"
#include "tests/daemon/http/server_fixture.hpp"

namespace moetune::daemon::http {
namespace {

using nlohmann::json;
using testing::IsEmpty;

class OpenapiTest : public ServerTest {
 protected:
  void SetUp() override {
    start();
    document_ = get("/openapi.json").json();
    ASSERT_TRUE(document_.is_object());
  }

  static std::string lower(std::string_view text) {
    std::string copy(text);
    for (char& c : copy) c = static_cast<char>(std::tolower(c));
    return copy;
  }

  /// The document's word on a route's success: its status and, by media type, the schemas.
  std::pair<int, json> success(const json& operation) const {
    for (const auto& [status, response] : operation["responses"].items()) {
      if (status.starts_with('2')) return {std::stoi(status), response["content"]};
    }
    return {0, {}};
  }

  /// Fails unless the reply is what the document promises.
  void expect_promised(std::string_view method, const std::string& pattern, const Reply& reply) {
    const json& operation = document_["paths"][pattern][lower(method)];
    const auto [status, content] = success(operation);
    ASSERT_EQ(reply.status, status) << method << " " << pattern << ": " << reply.body.substr(0, 500);
    const std::string full = reply.headers.at("content-type");
    const std::string media = full.substr(0, full.find(';'));
    ASSERT_TRUE(content.contains(media)) << pattern << " answers with " << media;
    if (media != "application/json") return;
    EXPECT_THAT(schema_breaches(document_, content[media]["schema"], reply.json()), IsEmpty())
        << method << " " << pattern;
    exercised_.emplace(method, pattern);
  }

  void keep_counts(const std::string& name) {
    const auto kept = database_->write([&](db::Transaction& transaction) {
      return db::keep_expert_counts(transaction, name, schema::ExpertCounts{{{1, 2, 3}}});
    });
    ASSERT_TRUE(kept) << kept.error().message;
  }

  /// A sweep of two candidates in rounds, one of which was refused.
  std::int64_t compared_sweep() {
    schema::Trial row = sample_trial(1, 0);
    schema::SweepSpec spec;
    spec.problem = row.group.problem;
    spec.batches = {1};
    spec.candidates[1] = {row.config};
    spec.rounds = schema::Rounds{};
    return *database_->write([&](db::Transaction& transaction) -> schema::Result<std::int64_t> {
      const auto id = db::create_sweep(transaction, spec);
      for (int round = 0; round < 10; ++round) {
        (void)db::append_samples(transaction, *id, {1, row.config}, std::vector<double>{10, 11, 12});
      }
      row.samples_us.clear();
      (void)db::set_sweep_default(transaction, *id, 1, row.config, "vllm 0.11");
      (void)db::record_trial(transaction, *id, row);
      schema::Trial refused = sample_trial(1, 1);
      refused.status = schema::TrialStatus::out_of_resources;
      refused.latency_us.reset();
      refused.samples_us.clear();
      refused.log_tail = "shared memory";
      (void)db::record_trial(transaction, *id, refused);
      return id;
    });
  }

  json document_;
  std::set<std::pair<std::string, std::string>> exercised_;
};

TEST_F(OpenapiTest, HasTheRoutesOfTheTableAndNoOthers) {
  std::set<std::pair<std::string, std::string>> documented;
  for (const auto& [path, operations] : document_["paths"].items()) {
    for (const auto& [method, unused] : operations.items()) documented.emplace(path, method);
  }
  std::set<std::pair<std::string, std::string>> served;
  for (const Route& route : route_table()) served.emplace(route.pattern, lower(route.method));
  EXPECT_EQ(documented, served);
}

TEST_F(OpenapiTest, HasTheParametersAndBodiesOfEachRoute) {
  for (const Route& route : route_table()) {
    const json& operation = document_["paths"][std::string(route.pattern)][lower(route.method)];
    std::set<std::string> queried;
    bool has_id = false;
    for (const json& reference : operation.value("parameters", json::array())) {
      const json& parameter = resolved(document_, reference);
      if (parameter["in"] == "query") queried.insert(parameter["name"]);
      has_id = has_id || parameter["in"] == "path";
    }
    EXPECT_EQ(queried, std::set<std::string>(route.query.begin(), route.query.end())) << route.pattern;
    EXPECT_EQ(has_id, route.pattern.find("{id}") != std::string_view::npos) << route.pattern;
    std::set<std::string> media;
    if (operation.contains("requestBody")) {
      for (const auto& [type, unused] : operation["requestBody"]["content"].items()) media.insert(type);
      EXPECT_EQ(operation["requestBody"]["required"], route.body != BodyKind::optional_json) << route.pattern;
    }
    EXPECT_EQ(media, std::set<std::string>(route.media.begin(), route.media.end())) << route.pattern;
    EXPECT_NE(success(operation).first, 0) << route.pattern;
  }
}

TEST_F(OpenapiTest, KnowsEveryFieldOfAGroup) {
  for (const std::string_view name : group_parameters()) {
    EXPECT_TRUE(document_["components"]["parameters"].contains(std::string(name))) << name;
  }
}

TEST_F(OpenapiTest, LiveAnswersKeepItsPromises) {
  schema::Trial failed = sample_trial(8, 1);
  failed.status = schema::TrialStatus::compiler_crash;
  failed.latency_us.reset();
  failed.samples_us.clear();
  failed.log_tail = "killed";
  schema::Trial standard = sample_trial(1, 0);
  standard.config = schema::default_config(standard.group.problem, 1);
  standard.stages_us = {{"align", 1.5}};
  schema::Trial pair = sample_trial(1, 1);
  pair.config = paired(pair.config, sample_trial(1, 33).config);
  pair.latency_us = 10;
  std::string lines = sample_lines(3);
  for (const auto* trial : {&failed, &standard, &pair}) lines += schema::to_json(*trial).dump() + "\n";
  lines += "bad\n";
  expect_promised("POST", "/import", post("/import", lines, "application/x-ndjson"));
  const json file = {{"path", "/x/vllm/E=8,N=64,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json"},
                     {"text", "{\"1\":" + schema::to_json(standard.config).dump() + "}"},
                     {"engine_version", "0.33.0"}};
  const json files = {{"files", {file, {{"path", "README.json"}, {"text", "{}"}}}}};
  expect_promised("POST", "/import", post("/import", files.dump()));
  for (const char* path : {"/candidates", "/candidates?E=8&N=64&dtype=fp8_w8a8&block_shape=128,128&engine=vllm",
                           "/candidates?discarded=1"}) {
    expect_promised("GET", "/candidates", get(path));
  }
  expect_promised("GET", "/candidates/{id}", get("/candidates/1"));
  expect_promised("GET", "/candidates/{id}/file", get("/candidates/1/file"));
  expect_promised("POST", "/candidates/{id}/discard", post("/candidates/1/discard", ""));
  expect_promised("POST", "/traffic", post("/traffic", R"({"name":"a.log","source":"batch_times","lines":1,
      "batches":[{"tokens":1,"steps":9,"time_ms":8.5},{"tokens":64,"steps":1,"time_ms":12}]})"));
  expect_promised("POST", "/traffic",
                  post("/traffic", R"({"name":"b","source":"cudagraph","batches":[{"tokens":8,"steps":3}]})"));
  expect_promised("GET", "/traffic", get("/traffic"));
  expect_promised("GET", "/traffic", get("/traffic?id=1"));
  keep_counts("counts:0123456789abcdef");
  expect_promised("GET", "/routings", get("/routings"));
  EXPECT_EQ(get("/routings").json()["items"].size(), 1U);
  expect_promised("GET", "/routings/{id}", get("/routings/counts:0123456789abcdef"));
  EXPECT_EQ(get("/routings/counts:1").status, 404);
  expect_promised("POST", "/uploads", post("/uploads", "{}"));
  const Reply recording = post("/uploads", sample_lines(3), "application/x-ndjson");
  const std::string upload = recording.json()["id"];
  const Reply groups = get("/uploads/" + upload + "/groups");
  expect_promised("GET", "/uploads/{id}/groups", groups);
  EXPECT_EQ(groups.json()["groups"].size(), 1U);
  EXPECT_EQ(groups.json()["groups"][0]["rows"], 3);
  const std::string rubbish = post("/uploads", "hello\n", "application/x-ndjson").json()["id"];
  EXPECT_THAT(get("/uploads/" + rubbish + "/groups").body, testing::HasSubstr("upload " + rubbish + " line 1: "));
  expect_promised("POST", "/sweeps", post("/sweeps", k_problem));
  for (const char* path : {"/", "/sweeps", "/trials", "/devices", "/problems", "/cache", "/db/check", "/db/backup",
                           "/doctor", "/healthz", "/metrics", "/openapi.json"}) {
    expect_promised("GET", path, get(path));
  }
  expect_promised("GET", "/best", get("/best?E=256&N=512"));
  EXPECT_EQ(get("/best?E=256&N=512").json()["results"][0]["traffic"]["id"], 2);
  EXPECT_FALSE(get("/best?E=256&N=512&batch=1").json()["results"][0].contains("traffic"));
  expect_promised("GET", "/best", get("/best?E=256&N=512&batch=1&traffic=1"));
  expect_promised("GET", "/export", get("/export?E=256&N=512"));
  expect_promised("GET", "/export", get("/export?E=256&N=512&kernel=vllm&format=sglang&gemm=down"));
  expect_promised("GET", "/best", get("/best?E=256&N=512&batch=1&kernel_share=0.35"));
  expect_promised("GET", "/merge", get("/merge?E=256&N=512"));
  expect_promised("GET", "/guarantee", get("/guarantee?E=256&N=512"));
  expect_promised("GET", "/guarantee", get("/guarantee?E=256&N=512&kernel=vllm&format=sglang&gemm=down&merge=1"));
  expect_promised("GET", "/publication", get("/publication?allow_gaps=1"));
  expect_promised("GET", "/trials", get("/trials?format=csv"));
  expect_promised("GET", "/trials", get("/trials?format=jsonl"));
  expect_promised("GET", "/sweeps/{id}", get("/sweeps/1"));
  for (const char* action : {"pause", "resume", "cancel", "discard"}) {
    expect_promised("POST", fmt::format("/sweeps/{{id}}/{}", action), post(fmt::format("/sweeps/1/{}", action), "{}"));
  }
  expect_promised("GET", "/sweeps/{id}/events", get("/sweeps/1/events"));
  expect_promised("GET", "/sweeps/{id}/comparison", get(fmt::format("/sweeps/{}/comparison", compared_sweep())));
  expect_promised("POST", "/cache/trim", post("/cache/trim", "{\"bytes\":1}"));
  expect_promised("POST", "/cache/clear", post("/cache/clear", "{}"));
  std::set<std::pair<std::string, std::string>> json_routes;
  for (const auto& [path, operations] : document_["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      if (success(operation).second.contains("application/json") && path != "/cache/explain") {
        json_routes.emplace(method == "get" ? "GET" : "POST", path);
      }
    }
  }
  EXPECT_EQ(exercised_, json_routes);
}

TEST_F(OpenapiTest, ErrorsHaveTheErrorShape) {
  const json& shape = document_["components"]["schemas"]["Error"];
  for (const Reply& reply :
       {get("/nothing"), get("/best"), get("/sweeps/9"), post("/sweeps", "{"), post("/sweeps", "x", "a/b"),
        request("GET", "/", {{"Host", "evil.example"}}), request("PUT", "/sweeps"),
        request("POST", "/uploads",
                {{"Content-Type", "application/octet-stream"}, {"Content-Length", "99999999999"}})}) {
    EXPECT_GE(reply.status, 400);
    EXPECT_THAT(schema_breaches(document_, shape, reply.json()), IsEmpty()) << reply.body;
  }
}

TEST_F(OpenapiTest, TheCheckItselfFindsBreaches) {
  const json schema = json::parse(R"({"type":"object","required":["a"],"additionalProperties":false,
      "properties":{"a":{"type":["integer","null"],"minimum":1},"b":{"type":"array","items":{"enum":["x"]}}}})");
  const auto breaches = [&](const char* text) { return schema_breaches(document_, schema, json::parse(text)).size(); };
  EXPECT_EQ(breaches(R"({"a":1,"b":["x"]})"), 0U);
  EXPECT_EQ(breaches(R"({"a":null})"), 0U);
  EXPECT_EQ(breaches(R"({"a":0})"), 1U);
  EXPECT_EQ(breaches(R"({"a":"1"})"), 1U);
  EXPECT_EQ(breaches(R"({"b":["x","y"]})"), 2U);
  EXPECT_EQ(breaches(R"({"a":1,"c":1})"), 1U);
  EXPECT_EQ(breaches("[]"), 1U);
}

}  // namespace
}  // namespace moetune::daemon::http
