#include "tests/daemon/http/server_fixture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tests/daemon/http/sample_trials.hpp"

namespace moetune::daemon::http {

ServerTest::ServerTest() {
  auto database = db::Database::open(folder_.path(), db::Access::read_write);
  EXPECT_TRUE(database) << database.error().message;
  database_ = std::move(*database);
  std::filesystem::create_directory(folder_.path() / "scratch");
  cache_ = KernelCache::open({folder_.path() / "cache", folder_.path() / "scratch"});
  auto uploads = UploadStore::open(folder_.path() / "uploads");
  EXPECT_TRUE(uploads) << uploads.error().message;
  uploads_ = std::make_unique<UploadStore>(std::move(*uploads));
}

Services ServerTest::services() {
  return {sweeps_, *database_, *cache_, *uploads_, [] { return nlohmann::ordered_json{{"checks", {"a", "b"}}}; },
          nullptr};
}

Options ServerTest::options(const Limits& limits) const {
  return {{"127.0.0.1", 0}, std::nullopt, limits};
}

void ServerTest::start(const Limits& limits) {
  auto server = HttpServer::start(options(limits), services());
  ASSERT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
}

std::string request_text(std::string_view method, std::string_view target,
                         const std::vector<std::pair<std::string, std::string>>& fields, std::string_view body) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", method, target);
  const bool has_host = std::ranges::any_of(fields, [](const auto& field) { return field.first == "Host"; });
  if (!has_host) text += "Host: localhost\r\n";
  for (const auto& [name, value] : fields) text += fmt::format("{}: {}\r\n", name, value);
  if (!body.empty()) text += fmt::format("Content-Length: {}\r\n", body.size());
  return fmt::format("{}\r\n{}", text, body);
}

Reply ServerTest::request(std::string_view method, std::string_view target, const Fields& fields,
                          std::string_view body) {
  RawClient client(server_->port());
  client.send(request_text(method, target, fields, body));
  return client.receive(method);
}

Reply ServerTest::post(std::string_view target, std::string_view body, std::string_view media) {
  return request("POST", target, {{"Content-Type", std::string(media)}}, body);
}

std::int64_t ServerTest::create_sweep() {
  const Reply reply = post("/sweeps", k_problem);
  EXPECT_EQ(reply.status, 202) << reply.body;
  return reply.json().value("id", 0);
}

void ServerTest::import_rows(std::int64_t count) {
  const Reply reply = post("/import", sample_lines(count), "application/x-ndjson");
  ASSERT_EQ(reply.status, 200) << reply.body.substr(0, 500);
  ASSERT_EQ(reply.json()["inserted"], count);
}

void ServerTest::import_heavy_rows(std::int64_t count) {
  RawClient client(server_->port());
  client.send(
      request_text("POST", "/import", {{"Content-Type", "application/x-ndjson"}, {"Transfer-Encoding", "chunked"}}));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string line = heavy_line(i);
    client.send(fmt::format("{:x}\r\n{}\r\n", line.size(), line));
  }
  client.send("0\r\n\r\n");
  const Reply reply = client.receive();
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_EQ(reply.json()["inserted"], count);
}

std::string ServerTest::metric(const std::string& name) {
  const std::string text = get("/metrics").body;
  const auto at = text.find("\n" + name + " ");
  if (at == std::string::npos) return "";
  const auto begin = at + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace moetune::daemon::http
