#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "tests/daemon/http/server_fixture.hpp"

namespace moetune::daemon::http {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ServerLimitsTest : public ServerTest {};

TEST_F(ServerLimitsTest, AJsonBodyEndsAtItsLimit) {
  start();
  const std::string padding((1 << 20) - k_problem.size(), ' ');
  EXPECT_EQ(post("/sweeps", std::string(k_problem) + padding).status, 202);
  const Reply reply = post("/sweeps", std::string(k_problem) + padding + " ");
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.error_code(), "too_large");
  EXPECT_EQ(reply.headers.at("connection"), "close");
}

TEST_F(ServerLimitsTest, ADeclaredLengthOverTheLimitIsRefusedUnread) {
  start();
  RawClient client(server_->port());
  client.send(request_text("POST", "/uploads",
                           {{"Content-Type", "application/octet-stream"}, {"Content-Length", "9000000000000000000"}}));
  EXPECT_EQ(client.receive().status, 413);
}

TEST_F(ServerLimitsTest, AChunkedBodyEndsAtItsLimitAndLeavesNoFile) {
  Limits limits;
  limits.upload_bytes = 100'000;
  start(limits);
  RawClient client(server_->port());
  client.send(request_text("POST", "/uploads",
                           {{"Content-Type", "application/octet-stream"}, {"Transfer-Encoding", "chunked"}}));
  for (int i = 0; i < 11; ++i) client.send("2710\r\n" + std::string(10'000, 'x') + "\r\n");
  EXPECT_EQ(client.receive().status, 413);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "uploads"));
}

TEST_F(ServerLimitsTest, ALongHeaderIsRefused) {
  Limits limits;
  limits.header_bytes = 4096;
  start(limits);
  const Reply reply = request("GET", "/healthz", {{"X-Long", std::string(5000, 'x')}});
  EXPECT_EQ(reply.status, 431);
  EXPECT_EQ(reply.error_code(), "too_large");
  EXPECT_EQ(request("GET", "/healthz", {{"X-Long", std::string(3000, 'x')}}).status, 200);
  RawClient endless(server_->port());
  endless.send("GET /" + std::string(5000, 'x'));
  EXPECT_EQ(endless.receive().status, 431);
}

TEST_F(ServerLimitsTest, AHeaderThatTricklesIsTimedOut) {
  Limits limits;
  limits.header_time = milliseconds(100);
  start(limits);
  RawClient client(server_->port());
  client.send("GET /healthz HTTP/1.1\r\nHost: loc");
  const Reply reply = client.receive();
  EXPECT_EQ(reply.status, 408);
  EXPECT_THAT(reply.error_message(), HasSubstr("100 ms"));
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(ServerLimitsTest, ABodyThatDoesNotComeIsTimedOut) {
  Limits limits;
  limits.body_time = milliseconds(100);
  start(limits);
  for (const char* target : {"/sweeps", "/import", "/uploads"}) {
    RawClient client(server_->port());
    const std::string media = target == std::string_view("/sweeps") ? "application/json" : "application/x-ndjson";
    client.send(request_text("POST", target, {{"Content-Type", media}, {"Content-Length", "100"}}) + "{");
    EXPECT_EQ(client.receive().status, 408) << target;
  }
}

TEST_F(ServerLimitsTest, ClientsThatSendNothingCostNoThread) {
  Limits limits;
  limits.threads = 2;
  limits.event_streams = limits.bulk_transfers = 0;
  start(limits);
  std::vector<RawClient> idle;
  for (int i = 0; i < 50; ++i) idle.emplace_back(server_->port());
  for (RawClient& client : idle) client.send("GET /healthz HTTP/1.1\r\n");
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(ServerLimitsTest, AnIdleConnectionIsClosed) {
  Limits limits;
  limits.idle_time = milliseconds(100);
  start(limits);
  RawClient client(server_->port());
  client.send(request_text("GET", "/healthz"));
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(ServerLimitsTest, ConnectionsBeyondTheLimitPushOutIdleOnesOrAreTold) {
  Limits limits;
  limits.connections = 4;
  limits.header_time = milliseconds(60'000);
  start(limits);
  RawClient idle(server_->port());
  std::vector<RawClient> busy;
  for (int i = 0; i < 4; ++i) {
    busy.emplace_back(server_->port());
    busy.back().send("GET /heal");
  }
  EXPECT_TRUE(idle.closed_by_server());
  RawClient late(server_->port());
  const Reply reply = late.receive();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.error_code(), "unavailable");
  EXPECT_TRUE(reply.headers.contains("retry-after"));
  busy.front().send("thz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(busy.front().receive().status, 200);
}

TEST_F(ServerLimitsTest, EventStreamsAreCappedAndFreedWhenTheClientLeaves) {
  Limits limits;
  limits.event_streams = 2;
  start(limits);
  const std::int64_t id = create_sweep();
  const std::string events = request_text("GET", fmt::format("/sweeps/{}/events", id));
  std::vector<RawClient> open;
  for (int i = 0; i < 2; ++i) {
    open.emplace_back(server_->port());
    open.back().send(events);
    ASSERT_TRUE(open.back().read_until("event: state\n"));
  }
  const Reply beyond = get(fmt::format("/sweeps/{}/events", id));
  EXPECT_EQ(beyond.status, 503);
  EXPECT_EQ(beyond.error_code(), "unavailable");
  EXPECT_EQ(metric("moetune_http_event_streams"), "2");
  open.pop_back();
  while (metric("moetune_http_event_streams") != "1") std::this_thread::yield();
  RawClient again(server_->port());
  again.send(events);
  EXPECT_TRUE(again.read_until("event: state\n"));
}

TEST_F(ServerLimitsTest, AClientThatReadsNothingIsGivenUp) {
  Limits limits;
  limits.write_time = milliseconds(200);
  limits.bulk_transfers = 1;
  start(limits);
  import_heavy_rows(500);
  RawClient deaf(server_->port());
  deaf.send(request_text("GET", "/trials?format=jsonl"));
  ASSERT_TRUE(deaf.read_until("\r\n\r\n"));
  Reply reply;
  do {
    reply = get("/trials?format=csv&limit=1");
  } while (reply.status == 503);
  EXPECT_EQ(reply.status, 200);
}

}  // namespace
}  // namespace moetune::daemon::http
