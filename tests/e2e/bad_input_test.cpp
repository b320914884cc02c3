// Every route, parameter and body field of schema/openapi.json with values that its type forbids.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tests/daemon/http/raw_client.hpp"
#include "tests/daemon/http/schema_check.hpp"
#include "tests/e2e/bad_values.hpp"
#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::e2e {
namespace {

using daemon::http::RawClient;
using daemon::http::Reply;
using daemon::http::resolved;
using daemon::http::schema_breaches;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t k_growth_kib = 64 * 1024;
constexpr const char* k_json = "application/json";
constexpr const char* k_lines = "application/x-ndjson";
constexpr const char* k_bytes = "application/octet-stream";

class BadInputTest : public testing::Test {
 protected:
  BadInputTest() : daemon_({.data_dir = folder_.path() / "data", .cache_dir = folder_.path() / "cache"}) {
    document_ = daemon_.get("/openapi.json").json();
    client_.emplace(port());
    memory_before_ = memory_kib("VmRSS");
  }

  /// What has to be true after any amount of bad input.
  void TearDown() override {
    EXPECT_EQ(daemon_.get("/healthz").status, 200) << daemon_.log();
    EXPECT_THAT(daemon_.get("/sweeps").json()["items"], IsEmpty());
    EXPECT_THAT(daemon_.get("/trials").json()["items"], IsEmpty());
    EXPECT_THAT(daemon_.log(), testing::Not(HasSubstr("a defect of moetune")));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LE(memory_kib("VmRSS") - memory_before_, k_growth_kib);
    EXPECT_LE(memory_kib("VmHWM") - memory_before_, 4 * k_growth_kib);
#endif
    RecordProperty("requests", requests_);
    std::cout << requests_ << " requests\n";
  }

  std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(daemon_.url().substr(daemon_.url().rfind(':') + 1)));
  }
  std::int64_t memory_kib(const std::string& field) const {
    std::ifstream status(fmt::format("/proc/{}/status", daemon_.pid()));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1));
    }
    return 0;
  }

  /// One request on a connection that is kept for as long as the daemon keeps it.
  Reply ask(const std::string& method, const std::string& target, const std::string& body = "",
            const std::string& media = "") {
    ++requests_;
    std::string header = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n", method, target);
    if (!media.empty()) header += fmt::format("Content-Type: {}\r\n", media);
    if (!body.empty()) header += fmt::format("Content-Length: {}\r\n", body.size());
    client_->send(header + "\r\n" + body);
    Reply reply = client_->receive(method);
    if (reply.status == 0 || reply.headers["connection"] == "close") client_.emplace(port());
    return reply;
  }

  /// The error shape, a status that the document has for the operation, and a message with the culprit in it.
  void expect_refused(const json& operation, const Reply& reply, const std::string& culprit, const std::string& what) {
    std::set<std::string> documented = {"405", "408", "414", "431"};
    for (const auto& [status, unused] : operation["responses"].items()) documented.insert(status);
    EXPECT_TRUE(reply.status >= 400 && reply.status < 500 && documented.contains(std::to_string(reply.status)))
        << what << " -> " << reply.status << " " << reply.body.substr(0, 300);
    EXPECT_THAT(schema_breaches(document_, document_["components"]["schemas"]["Error"], reply.json()), IsEmpty())
        << what;
    EXPECT_THAT(reply.error_message(), HasSubstr(culprit)) << what;
  }

  const json& schema_of(const char* name) { return document_["components"]["schemas"][name]; }

  TempFolder folder_;
  RunningDaemon daemon_;
  json document_;
  std::optional<RawClient> client_;
  std::int64_t memory_before_ = 0;
  int requests_ = 0;
};

/// `text` again and again, compressed until it would be that long.
std::string bomb_of(const std::string& text, std::int64_t bytes) {
  constexpr std::int64_t k_frame = 64 << 20;
  std::string block;
  while (std::ssize(block) < k_frame) block += text;
  const std::string frame = kernels::testing::zstd_of(block);
  std::string bomb;
  for (std::int64_t expanded = 0; expanded < bytes; expanded += k_frame) bomb += frame;
  return bomb;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string shown(const std::string& text) {
  return text.size() <= 80 ? text : text.substr(0, 60) + fmt::format("... ({} bytes)", text.size());
}

/// One operation of the document with the parameters that it cannot do without.
struct Operation {
  std::string method;
  std::string path;
  json facts;
  std::vector<json> parameters;

  /// A target with every required parameter, except that `name` has the value `text`.
  std::string target(const std::string& name, const std::string& text) const {
    std::string target = path;
    std::string query;
    bool placed = false;
    for (const json& parameter : parameters) {
      const auto own = parameter["name"].get<std::string>();
      const bool is_culprit = own == name;
      placed = placed || is_culprit;
      if (!is_culprit && !parameter["required"].get<bool>()) continue;
      const std::string value = is_culprit ? text : own == "key" ? "abcd" : "1";
      if (parameter["in"] == "path") {
        target.replace(target.find("{" + own + "}"), own.size() + 2, value);
      } else {
        query += fmt::format("&{}={}", own, value);
      }
    }
    if (!placed && !name.empty()) query += fmt::format("&{}={}", name, text);
    return query.empty() ? target : target + "?" + query.substr(1);
  }
};

std::vector<Operation> operations_of(const json& document) {
  std::vector<Operation> all;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, facts] : methods.items()) {
      Operation operation{upper(method), path, facts, {}};
      for (const json& parameter : facts.value("parameters", json::array())) {
        operation.parameters.push_back(resolved(document, parameter));
      }
      all.push_back(std::move(operation));
    }
  }
  return all;
}

TEST_F(BadInputTest, EveryParameterRefusesWhatItsTypeForbids) {
  for (const Operation& operation : operations_of(document_)) {
    for (const json& parameter : operation.parameters) {
      const auto name = parameter["name"].get<std::string>();
      for (const BadValue& bad : bad_parameter_values(resolved(document_, parameter["schema"]))) {
        if (parameter["in"] == "path" && bad.text.empty()) continue;
        const std::string target = operation.target(name, bad.text);
        const bool undecodable = parameter["in"] == "path" && bad.text.find('%') != std::string::npos;
        expect_refused(operation.facts, ask(operation.method, target), undecodable ? "" : name,
                       fmt::format("{} {}", operation.method, shown(target)));
      }
      if (parameter["in"] != "query") continue;
      const std::string twice = operation.target(name, "1&" + name + "=1");
      expect_refused(operation.facts, ask(operation.method, twice), fmt::format("\"{}\"", name), twice);
      if (!parameter["required"].get<bool>()) continue;
      const std::string without = operation.target(name, "1");
      const auto at = without.find(name + "=1");
      const std::string missing = without.substr(0, at) + without.substr(at + name.size() + 2);
      expect_refused(operation.facts, ask(operation.method, missing), name, missing);
    }
    const std::string unknown = operation.target("surplus", "1");
    expect_refused(operation.facts, ask(operation.method, unknown), "\"surplus\"", operation.method + " " + unknown);
  }
  EXPECT_GT(requests_, 900);
}

TEST_F(BadInputTest, EveryFieldOfABodyRefusesWhatItsTypeForbids) {
  const auto upload = daemon_.upload(small_problem().recording());
  const json sweep = small_problem().sweep(upload, false);
  for (const Operation& operation : operations_of(document_)) {
    const json content = operation.facts.value("requestBody", json::object()).value("content", json::object());
    if (!content.contains(k_json) || !content[k_json].contains("schema")) continue;
    const json& schema = resolved(document_, content[k_json]["schema"]);
    json base = operation.path == "/sweeps" ? sweep : json::object();
    if (operation.path == "/import") base["files"] = {{{"path", "E=8,N=64,device_name=X.json"}, {"text", "{}"}}};
    if (operation.path == "/traffic") {
      base = {{"name", "a.log"}, {"source", "cudagraph"}, {"batches", {{{"tokens", 8}, {"steps", 3}}}}};
    }
    const std::string target = operation.target("", "");
    for (const auto& [name, field] : schema["properties"].items()) {
      for (const BadValue& bad : bad_field_values(resolved(document_, field))) {
        const Reply reply = ask("POST", target, with_field(base, name, bad.text), k_json);
        expect_refused(operation.facts, reply, bad.breaks_form ? "the body is not valid JSON" : name,
                       fmt::format("POST {} {}: {}", target, name, shown(bad.text)));
      }
      const std::string value = base.value(name, json(1)).dump();
      const std::string twice = fmt::format("{{\"{}\":{},\"{}\":{}}}", name, value, name, value);
      expect_refused(operation.facts, ask("POST", target, twice, k_json), fmt::format("\"{}\"", name), twice);
    }
    // A sweep names a problem or a model; the first choice is the problem.
    const json required = schema.contains("anyOf") ? schema["anyOf"][0]["required"] : schema["required"];
    for (const auto& name : required) {
      json lacking = base;
      lacking.erase(name.get<std::string>());
      expect_refused(operation.facts, ask("POST", target, lacking.dump(), k_json), name, "without " + name.dump());
    }
    expect_refused(operation.facts, ask("POST", target, with_field(base, "surplus", "1"), k_json), "\"surplus\"",
                   "POST " + target);
  }
  EXPECT_GT(requests_, 250);
}

TEST_F(BadInputTest, EveryAxisOfASpaceRefusesWhatItsTypeForbids) {
  json sweep = small_problem().sweep(daemon_.upload(small_problem().recording()), false);
  const json space = std::exchange(sweep["space"], json());
  const json& facts = document_["paths"]["/sweeps"]["post"];
  const auto refuses = [&](const std::string& text, const std::string& culprit) {
    expect_refused(facts, ask("POST", "/sweeps", with_field(sweep, "space", text), k_json), culprit, shown(text));
  };
  for (const auto& [name, field] : schema_of("TileConfig")["properties"].items()) {
    for (const BadValue& bad : bad_field_values(field)) {
      refuses(with_field(space, name, "[" + bad.text + "]"), bad.breaks_form ? "the body is not valid JSON" : name);
    }
    for (const char* text : {"null", "16", "[]", "[0]", "[2147483648]", "[4294967296]"}) {
      refuses(with_field(space, name, text), name);
    }
    refuses(with_field(space, name, json(std::vector<int>(65, 1)).dump()), name);
  }
  for (const char* text : {"null", "\"E\"", "[1]", "[\"nonsense\"]", "[\"\"]", "[\"BLOCK_SIZE_M +\"]", "[\"1/0*0\"]",
                           "[\"((((((((\"]", "[\"BLOCK_SIZE_M = 16\"]", "[\"a\\u0000b\"]"}) {
    refuses(with_field(space, "constraints", text), "constraint");
  }
  refuses(with_field(space, "constraints", json({std::string(5000, '(')}).dump()), "constraint");
  refuses(with_field(space, "constraints", json(std::vector<std::string>(65, "1")).dump()), "constraints");
  refuses(with_field(space, "constraints", "[\"BLOCK_SIZE_M > 9999\"]"), "space");
}

TEST_F(BadInputTest, EveryFieldOfARowRefusesWhatItsTypeForbids) {
  const std::string lines = small_problem().recording();
  const json row = json::parse(lines.substr(0, lines.find('\n')));
  const json& schema = schema_of("Trial");
  const json& facts = document_["paths"]["/import"]["post"];
  std::set<std::string> may_be_null = {"act_dtype", "gated", "per_channel_quant", "router_weight_on_input", "origin"};
  for (const auto& [name, unused] : schema["properties"].items()) {
    if (std::ranges::count(schema["required"], json(name)) == 0) may_be_null.insert(name);
  }
  const auto refuses = [&](const std::string& text, const std::string& culprit) {
    expect_refused(facts, ask("POST", "/import", text + "\n", k_lines), culprit, shown(text));
  };
  for (const auto& [name, field] : schema["properties"].items()) {
    for (const BadValue& bad : bad_field_values(resolved(document_, field))) {
      if (bad.text == "null" && may_be_null.contains(name)) continue;
      refuses(with_field(row, name, bad.text), bad.breaks_form ? "not valid JSON" : name);
    }
  }
  for (const auto& [name, field] : schema_of("TileConfig")["properties"].items()) {
    for (const BadValue& bad : bad_field_values(field)) {
      refuses(with_field(row, "config", with_field(row["config"], name, bad.text)),
              bad.breaks_form ? "not valid JSON" : name);
    }
  }
  for (const char* name : {"device", "config", "status", "samples_us", "measured_at"}) {
    json lacking = row;
    lacking.erase(name);
    refuses(lacking.dump(), name);
  }
  refuses(with_field(row, "surplus", "1"), "\"surplus\"");
  refuses(with_field(row, "measured_at", "\"2026-13-45T99:99:99Z\""), "measured_at");
  EXPECT_GT(requests_, 300);
}

TEST_F(BadInputTest, BodiesThatAreNoObjectsAreRefused) {
  const std::string deep_list = std::string(100'000, '[');
  const std::string deep_closed = deep_list + std::string(100'000, ']');
  std::string deep_object;
  for (int i = 0; i < 100'000; ++i) deep_object += "{\"a\":";
  const std::vector<std::string> bodies = {
      "{",   "[]",         "7",         "null",      "true",     "\"text\"",
      " ",   "{}{}",       "{\"a\"}",   "{'a':1}",   "\xff\xfe", std::string(1, '\0'),
      "{,}", deep_list,    deep_closed, deep_object, "// {}",    "\xef\xbb\xbf{",
      "-",   "{\"a\":NaN}"};
  for (const Operation& operation : operations_of(document_)) {
    const json content = operation.facts.value("requestBody", json::object()).value("content", json::object());
    const std::string target = operation.target("", "");
    if (operation.method == "POST" && content.contains(k_json) && content[k_json].contains("schema")) {
      for (const std::string& body : bodies) {
        expect_refused(operation.facts, ask("POST", target, body, k_json), "JSON", target + " " + shown(body));
      }
      const Reply large = ask("POST", target, std::string((1 << 20) + 1, ' '), k_json);
      expect_refused(operation.facts, large, "1048576 bytes", target);
      EXPECT_EQ(large.status, 413) << target;
    }
    if (operation.method == "GET") {
      expect_refused(operation.facts, ask("GET", target, "{}", k_json), "takes no body", target);
      continue;
    }
    for (const char* media : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                              "application/json; charset=utf-16", "nonsense", "application/"}) {
      const Reply reply = ask("POST", target, "{}", media);
      expect_refused(operation.facts, reply, "application/", target);
      EXPECT_EQ(reply.status, 415) << target << " " << media;
    }
  }
  const json& import = document_["paths"]["/import"]["post"];
  for (const std::string& body : bodies) {
    if (body == " ") continue;  // an empty line, which is no row and no mistake
    expect_refused(import, ask("POST", "/import", body, k_lines), "line 1", shown(body));
  }
}

TEST_F(BadInputTest, ASweepBeyondAnyMeasureIsRefusedBeforeItIsPlanned) {
  json sweep = small_problem().sweep(daemon_.upload(small_problem().recording()), false);
  const json& facts = document_["paths"]["/sweeps"]["post"];
  for (const char* axis : {"BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K"}) {
    sweep["space"][axis] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
  }
  for (int i = 1; i <= 20; ++i) sweep["space"]["GROUP_SIZE_M"][static_cast<std::size_t>(i - 1)] = i;
  for (std::int64_t batch = 1; batch <= 1024; ++batch) sweep["batch"][static_cast<std::size_t>(batch - 1)] = batch;
  Reply reply = ask("POST", "/sweeps", sweep.dump(), k_json);
  expect_refused(facts, reply, "batch", "40,000 configurations for 1,024 batches");
  EXPECT_EQ(reply.status, 413);
  for (int i = 1; i <= 64; ++i) sweep["space"]["GROUP_SIZE_M"][static_cast<std::size_t>(i - 1)] = i;
  for (int i = 1; i <= 16; ++i) sweep["space"]["num_stages"][static_cast<std::size_t>(i - 1)] = i;
  expect_refused(facts, ask("POST", "/sweeps", sweep.dump(), k_json), "space", "1,024,000 configurations");
}

TEST_F(BadInputTest, CompressedBombsAreRefusedOrTakenInBounds) {
  const std::string row = small_problem().recording().substr(0, small_problem().recording().find('\n') + 1);
  const json& import = document_["paths"]["/import"]["post"];
  const json& create = document_["paths"]["/sweeps"]["post"];
  const auto refused_in_time = [&](const json& facts, const std::string& target, const std::string& body,
                                   const char* media, const std::string& culprit) {
    const auto begin = std::chrono::steady_clock::now();
    expect_refused(facts, ask("POST", target, body, media), culprit, target);
    std::cout << target << " " << body.size() << " " << culprit << " "
              << std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() << "\n";
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60)) << culprit;
  };
  const std::pair<std::string, std::string> bombs[] = {{"\n", "more than 50000000 lines"},
                                                       {std::string(1000, ' ') + "\n", "expands more than 1000-fold"},
                                                       {"x", "in one line"},
                                                       {"x\n", "more than 100000 lines"}};
  for (const auto& [text, reason] : bombs) {
    const std::string bomb = bomb_of(text, 8LL << 30);
    ASSERT_LT(bomb.size(), 1U << 20);
    refused_in_time(import, "/import", bomb, k_bytes, reason);
    const json sweep = small_problem().sweep(daemon_.upload(bomb), false);
    refused_in_time(create, "/sweeps", sweep.dump(), k_json, "line");
  }
  const std::string rows = bomb_of(row, 256LL << 20);
  refused_in_time(create, "/sweeps", small_problem().sweep(daemon_.upload(rows), false).dump(), k_json,
                  "expands more than 1000-fold");
}

}  // namespace
}  // namespace moetune::e2e
