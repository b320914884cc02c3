#include "cli/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_daemon.hpp"
#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using testing::HasSubstr;
using testing::SizeIs;

class ClientTest : public testing::Test {
 protected:
  Client client(const std::string& token = "") const { return Client::make({daemon_.url(), token}).value(); }
  FakeDaemon daemon_;
  TemporaryFolder folder_;
};

TEST_F(ClientTest, SendsQueriesAsTheyAreEncoded) {
  daemon_.on("GET /best", {.body = R"({"results":[]})"});
  Query query;
  query.add("compiler", "triton 3.6.0+x");
  EXPECT_TRUE(client().get("/best", query));
  EXPECT_EQ(daemon_.seen().back().target, "/best?compiler=triton%203.6.0%2Bx");
}

TEST_F(ClientTest, ShowsItsTokenWhenItHasOne) {
  daemon_.on("GET /sweeps/1", {.body = "{}"});
  ASSERT_TRUE(client("secret").get("/sweeps/1"));
  EXPECT_EQ(daemon_.seen().back().headers.at("Authorization"), "Bearer secret");
  ASSERT_TRUE(client().get("/sweeps/1"));
  EXPECT_FALSE(daemon_.seen().back().headers.contains("Authorization"));
}

TEST_F(ClientTest, PostsJson) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":7})"});
  const auto answer = client().post("/sweeps", {{"E", 8}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)["id"], 7);
  EXPECT_EQ(daemon_.seen().back().body, R"({"E":8})");
  EXPECT_EQ(daemon_.seen().back().headers.at("Content-Type"), "application/json");
}

TEST_F(ClientTest, SendsFilesByteForByte) {
  std::string bytes;
  for (unsigned i = 0; i < 1'000'000; ++i) bytes += static_cast<char>(i * 7919 >> 3);
  daemon_.on("POST /uploads", {.status = 201, .body = R"({"id":"x"})"});
  const auto sent = client().post_file("/uploads", folder_.file("recording", bytes), "application/octet-stream");
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(daemon_.seen().back().body, bytes);
}

TEST_F(ClientTest, RefusesFilesThatItCannotSend) {
  const auto refused = [&](const std::filesystem::path& path) {
    const auto answer = client().post_file("/uploads", path, "application/octet-stream");
    EXPECT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument);
    return answer.error().message;
  };
  EXPECT_THAT(refused(folder_.path() / "missing"), HasSubstr("missing"));
  EXPECT_THAT(refused(folder_.path()), HasSubstr("folder"));
  EXPECT_THAT(refused(folder_.file("empty", "")), HasSubstr("is empty"));
  EXPECT_THAT(daemon_.seen(), SizeIs(0));
}

TEST_F(ClientTest, PassesTheDaemonsErrorsOn) {
  daemon_.on("GET /best", error_answer(404, "not_found", "nothing known", R"({"nearest":[]})"));
  const auto answer = client().get("/best");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::not_found);
  EXPECT_EQ(answer.error().message, "nothing known");
  EXPECT_FALSE(is_connection_error(answer.error()));
}

TEST_F(ClientTest, TellsABusyDaemonFromNone) {
  daemon_.on("GET /best", error_answer(503, "unavailable", "all places are taken"));
  EXPECT_FALSE(is_connection_error(client().get("/best").error()));
  daemon_.stop();
  const auto answer = client().get("/best");
  EXPECT_TRUE(is_connection_error(answer.error()));
  EXPECT_THAT(answer.error().message, HasSubstr("no daemon answers at " + daemon_.url()));
}

TEST_F(ClientTest, SaysWhenWhatAnswersIsNotMoetuned) {
  daemon_.on("GET /best", {.body = "<html>hello</html>", .content_type = "text/html"});
  EXPECT_EQ(client().get("/best").error().code, ErrorCode::data_damaged);
}

TEST_F(ClientTest, StreamsInPieces) {
  daemon_.on("GET /trials", {.content_type = "application/x-ndjson", .stream = [](const WritePiece& write) {
                               return write("{\"a\":1}\n") && write("{\"a\":2}\n");
                             }});
  std::string text;
  const auto streamed = client().stream("/trials", {}, [&](std::string_view piece) {
    text += piece;
    return true;
  });
  EXPECT_TRUE(streamed);
  EXPECT_EQ(text, "{\"a\":1}\n{\"a\":2}\n");
}

TEST_F(ClientTest, NoticesAStreamThatBreaksOff) {
  daemon_.on("GET /db/backup", {.stream = [](const WritePiece& write) {
               write("half of it");
               return false;
             }});
  const auto streamed = client().stream("/db/backup", {}, [](std::string_view) { return true; });
  ASSERT_FALSE(streamed);
  EXPECT_TRUE(is_connection_error(streamed.error()));
}

TEST_F(ClientTest, EndsAStreamThatNobodyReads) {
  daemon_.on("GET /trials", {.stream = [](const WritePiece& write) {
               while (write(std::string(4096, 'x'))) {
               }
               return true;
             }});
  std::size_t pieces = 0;
  EXPECT_TRUE(client().stream("/trials", {}, [&](std::string_view) { return ++pieces < 3; }));
  EXPECT_EQ(pieces, 3U);
}

TEST_F(ClientTest, ReadsErrorsOfStreamsToo) {
  daemon_.on("GET /trials", error_answer(400, "invalid_argument", "no parameter foo"));
  std::string text;
  const auto streamed = client().stream("/trials", {}, [&](std::string_view piece) {
    text += piece;
    return true;
  });
  EXPECT_EQ(streamed.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(text, "");
}

TEST_F(ClientTest, GathersAllPagesOfAList) {
  daemon_.on("GET /sweeps", [](const SeenRequest& request) {
    const bool first = request.target.find("after=") == std::string::npos;
    return FakeAnswer{.body =
                          first ? R"({"items":[{"id":1},{"id":2}],"next":2})" : R"({"items":[{"id":3}],"next":null})"};
  });
  const auto items = client().list("/sweeps");
  ASSERT_TRUE(items) << items.error().message;
  EXPECT_EQ(items->dump(), R"([{"id":1},{"id":2},{"id":3}])");
  EXPECT_EQ(daemon_.seen().back().target, "/sweeps?limit=1000&after=2");
}

TEST_F(ClientTest, DoesNotRunInCirclesOverAList) {
  daemon_.on("GET /sweeps", {.body = R"({"items":[],"next":2})"});
  EXPECT_EQ(client().list("/sweeps").error().code, ErrorCode::data_damaged);
  daemon_.on("GET /sweeps", {.body = R"([1])"});
  EXPECT_EQ(client().list("/sweeps").error().code, ErrorCode::data_damaged);
}

TEST_F(ClientTest, TakesTheNameOfAFileFromTheAnswer) {
  daemon_.on("GET /export",
             {.body = "{}\n",
              .headers = {{"Content-Disposition", R"(attachment; filename="E=8,N=4,block_shape=[128, 128].json")"}}});
  const auto file = client().attachment("/export", {});
  ASSERT_TRUE(file);
  EXPECT_EQ(file->name, "E=8,N=4,block_shape=[128, 128].json");
  EXPECT_EQ(file->bytes, "{}\n");
}

TEST(ClientUrlTest, RefusesWhatIsNoUrlOfADaemon) {
  for (const char* url : {"", "localhost:8765", "ftp://h:1", "http://", "http://h:1/path", "http://h:1?x",
                          "http://a b:1", "http://user@h:1", "http://h:port"}) {
    const auto client = Client::make({url, ""});
    ASSERT_FALSE(client) << url;
    EXPECT_EQ(client.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(client.error().message, HasSubstr("\"" + std::string(url) + "\""));
  }
}

TEST(ClientUrlTest, TakesHostsNamesAndAddresses) {
  for (const char* url : {"http://127.0.0.1:8765", "http://gpu-box:80/", "http://[::1]:8765", "https://host"}) {
    EXPECT_TRUE(Client::make({url, ""})) << url;
  }
}

TEST(ClientDispositionTest, ReadsQuotedAndBareNames) {
  EXPECT_EQ(disposition_filename(R"(attachment; filename="a \"b\".json"; x=y)"), "a \"b\".json");
  EXPECT_EQ(disposition_filename("attachment; filename=a.json; x=y"), "a.json");
  EXPECT_EQ(disposition_filename("inline"), "");
}

}  // namespace
}  // namespace moetune::cli
