#include <fmt/format.h>
#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <fstream>
#include <latch>
#include <random>
#include <thread>

#include "kernels/unique_fd.hpp"
#include "tests/daemon/http/server_fixture.hpp"

namespace moetune::daemon::http {
namespace {

using std::chrono::milliseconds;

/// Bytes of memory that the process holds.
std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

class ServerStreamTest : public ServerTest {};

TEST_F(ServerStreamTest, AllRowsGoOutInConstantMemory) {
  constexpr std::int64_t k_rows = 1'000;  // 30 MB
  start();
  import_heavy_rows(k_rows);
  const std::int64_t before = resident_bytes();
  RawClient client(server_->port());
  client.send(request_text("GET", "/trials?format=jsonl"));
  ASSERT_TRUE(client.read_until("\r\n\r\n"));
  std::int64_t rows = 0;
  std::int64_t most = before;
  while (rows < k_rows && client.read_until("}\n")) {
    if (++rows % 100 == 0) most = std::max(most, resident_bytes());
  }
  EXPECT_EQ(rows, k_rows);
  EXPECT_TRUE(client.read_until("0\r\n\r\n"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what is freed
  EXPECT_LT(most - before, 20 << 20);
#endif
}

TEST_F(ServerStreamTest, EventsArriveAsTheyHappenAndTheStreamEndsWithTheSweep) {
  start();
  const std::int64_t id = create_sweep();
  RawClient client(server_->port());
  client.send(request_text("GET", fmt::format("/sweeps/{}/events", id)));
  ASSERT_TRUE(client.read_until("Content-Type: text/event-stream\r\n"));
  ASSERT_TRUE(client.read_until(fmt::format("event: state\ndata: {{\"id\":{},\"state\":\"queued\"", id)));
  sweeps_.await_streams(id, 1);
  sweeps_.publish(id, {"progress", R"({"done":1})"});
  ASSERT_TRUE(client.read_until("event: progress\ndata: {\"done\":1}\n\n"));
  sweeps_.publish(id, {"trial", R"({"batch":8})"});
  sweeps_.publish(id, {"state", R"({"state":"done"})"});
  sweeps_.finish(id);
  ASSERT_TRUE(client.read_until("event: trial\ndata: {\"batch\":8}\n\n"));
  ASSERT_TRUE(client.read_until("event: state\ndata: {\"state\":\"done\"}\n\n"));
  EXPECT_TRUE(client.read_until("0\r\n\r\n"));
}

TEST_F(ServerStreamTest, AnEndedSweepHasItsStateAndNoMore) {
  start();
  const std::int64_t id = create_sweep();
  ASSERT_EQ(post(fmt::format("/sweeps/{}/cancel", id), "{}").status, 200);
  const Reply reply = get(fmt::format("/sweeps/{}/events", id));
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.whole);
  EXPECT_THAT(reply.body, testing::StartsWith("event: state\ndata: {"));
  EXPECT_THAT(reply.body, testing::HasSubstr("\"state\":\"cancelled\""));
}

TEST_F(ServerStreamTest, AQuietStreamHasHeartbeats) {
  Limits limits;
  limits.heartbeat = milliseconds(20);
  start(limits);
  RawClient client(server_->port());
  client.send(request_text("GET", fmt::format("/sweeps/{}/events", create_sweep())));
  EXPECT_TRUE(client.read_until("\n: nothing new\n\n"));
  EXPECT_TRUE(client.read_until("\n: nothing new\n\n"));
}

TEST_F(ServerStreamTest, AnOldClientGetsTheSameBytesWithoutChunks) {
  start();
  import_rows(300);
  RawClient client(server_->port());
  client.send("GET /trials?format=jsonl HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const Reply old = client.receive();
  EXPECT_FALSE(old.headers.contains("transfer-encoding"));
  EXPECT_EQ(old.body, get("/trials?format=jsonl").body);
}

class ServerStopTest : public ServerTest {};

TEST_F(ServerStopTest, EndsEventStreamsAtOnce) {
  start();
  const std::int64_t id = create_sweep();
  RawClient client(server_->port());
  client.send(request_text("GET", fmt::format("/sweeps/{}/events", id)));
  ASSERT_TRUE(client.read_until("event: state\n"));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(3000));
  EXPECT_TRUE(client.read_until("0\r\n\r\n"));
  EXPECT_TRUE(client.closed_by_server());
}

bool accepts_connections(std::uint16_t port) {
  const kernels::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

TEST_F(ServerStopTest, FinishesTheRequestInFlight) {
  start();
  RawClient client(server_->port());
  client.send(request_text("POST", "/sweeps",
                           {{"Content-Type", "application/json"},
                            {"Expect", "100-continue"},
                            {"Content-Length", std::to_string(k_problem.size())}}));
  ASSERT_EQ(client.receive().status, 100);
  const auto port = server_->port();
  std::thread stopper([&] { server_->stop(); });
  while (accepts_connections(port)) std::this_thread::yield();  // until the stop has begun
  client.send(k_problem);
  const Reply reply = client.receive();
  stopper.join();
  EXPECT_EQ(reply.status, 202);
  EXPECT_EQ(reply.headers.at("connection"), "close");
}

TEST_F(ServerStopTest, CutsARequestThatDoesNotEnd) {
  Limits limits;
  limits.stop_time = milliseconds(100);
  start(limits);
  RawClient client(server_->port());
  client.send(request_text(
      "POST", "/uploads",
      {{"Content-Type", "application/octet-stream"}, {"Expect", "100-continue"}, {"Content-Length", "1000"}}));
  ASSERT_EQ(client.receive().status, 100);
  server_->stop();
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "uploads"));
  server_->stop();
}

TEST_F(ServerStopTest, FreesThePort) {
  start();
  const std::uint16_t port = server_->port();
  Options same = options();
  same.listen.port = port;
  const auto in_use = HttpServer::start(same, services());
  ASSERT_FALSE(in_use);
  EXPECT_EQ(in_use.error().code, schema::ErrorCode::conflict);
  EXPECT_EQ(get("/healthz").status, 200);
  server_->stop();
  const auto again = HttpServer::start(same, services());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->url(), fmt::format("http://127.0.0.1:{}", port));
}

class ServerLoadTest : public ServerTest {};

TEST_F(ServerLoadTest, AHundredKeptConnectionsAreServedSideBySide) {
  constexpr int k_clients = 100;
  constexpr int k_requests = 30;
  start();
  import_rows(100);
  std::latch all_connected(k_clients);
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < k_clients; ++i) {
    clients.emplace_back([&] {
      RawClient client(server_->port());
      all_connected.arrive_and_wait();
      for (int j = 0; j < k_requests; ++j) {
        client.send(request_text("GET", j % 2 == 0 ? "/best?E=256&N=512&batch=1" : "/trials?limit=5"));
        const Reply reply = client.receive();
        if (reply.status == 200 && reply.whole && reply.headers.at("connection") == "keep-alive") ++answered;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, k_clients * k_requests);
  EXPECT_EQ(metric("moetune_http_requests_total{route=\"/best\",method=\"GET\",status=\"200\"}"),
            std::to_string(k_clients * k_requests / 2));
}

TEST_F(ServerLoadTest, RequestsInOneSendAreAnsweredInTurn) {
  start();
  RawClient client(server_->port());
  client.send(request_text("GET", "/healthz") + "\r\n" + request_text("POST", "/cache/clear") +
              request_text("HEAD", "/best?E=1&N=1") + request_text("GET", "/nothing"));
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive("HEAD").status, 404);
  EXPECT_EQ(client.receive().status, 404);
}

TEST_F(ServerLoadTest, MangledRequestsEndInAnAnswerOrAClosedConnection) {
  Limits limits;
  limits.header_time = limits.body_time = milliseconds(50);
  start(limits);
  const std::string whole = request_text("POST", "/import?x=%41", {{"Content-Type", "application/x-ndjson"}}, "{}\n");
  std::mt19937 random(7);
  for (int i = 0; i < 400; ++i) {
    std::string bytes = whole.substr(0, i % 4 == 0 ? random() % whole.size() : whole.size());
    for (std::size_t flips = random() % 4; flips > 0 && !bytes.empty(); --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    RawClient client(server_->port());
    client.send(bytes);
    client.end_sending();
    const Reply reply = client.receive();
    EXPECT_TRUE(reply.status == 0 || (reply.status >= 400 && reply.status < 500)) << reply.status << "\n" << bytes;
  }
  EXPECT_EQ(get("/healthz").status, 200);
}

}  // namespace
}  // namespace moetune::daemon::http
