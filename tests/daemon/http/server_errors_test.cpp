#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/daemon/http/server_fixture.hpp"

namespace moetune::daemon::http {
namespace {

using testing::HasSubstr;

const std::string k_json = "application/json";

/// What one bad request must get.
struct Refusal {
  std::string name;
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  int status;
  std::string code;
  std::string culprit;  ///< what the message names
};

class ServerErrorsTest : public ServerTest, public testing::WithParamInterface<Refusal> {};

TEST_P(ServerErrorsTest, NameTheCulpritInTheErrorShape) {
  start();
  const Refusal& wanted = GetParam();
  const Reply reply = request(wanted.method, wanted.target, wanted.fields, wanted.body);
  EXPECT_EQ(reply.status, wanted.status) << reply.body;
  EXPECT_EQ(reply.headers.at("content-type"), k_json);
  EXPECT_EQ(reply.error_code(), wanted.code) << reply.body;
  EXPECT_THAT(reply.error_message(), HasSubstr(wanted.culprit));
  EXPECT_TRUE(reply.json()["error"]["detail"].is_object()) << reply.body;
}

std::vector<std::pair<std::string, std::string>> media(std::string type) {
  return {{"Content-Type", std::move(type)}};
}

std::string sweep_with(const std::string& field) {
  return fmt::format(R"({{"E":256,"N":512,"hidden_size":2048,"topk":8,{}}})", field);
}

const std::vector<Refusal> k_refusals = {
    {"UnknownRoute", "GET", "/nothing", {}, "", 404, "not_found", "GET /"},
    {"TrailingSlash", "GET", "/best/?E=1&N=1", {}, "", 404, "not_found", "route"},
    {"WrongMethod", "DELETE", "/sweeps", {}, "", 405, "invalid_argument", "GET, HEAD, POST"},
    {"Preflight", "OPTIONS", "/sweeps", {}, "", 405, "invalid_argument", "OPTIONS"},
    {"UnknownParameter", "GET", "/best?E=1&N=1&foo=1", {}, "", 400, "invalid_argument", "\"foo\""},
    {"MergeIsYesOrNo", "GET", "/export?E=1&N=1&merge=maybe", {}, "", 400, "invalid_argument", "merge"},
    {"GuaranteeOfNothing", "GET", "/guarantee?E=1&N=1", {}, "", 404, "not_found", "nothing"},
    {"GuaranteeOfNoFormat", "GET", "/guarantee?E=1&N=1&format=trt", {}, "", 400, "invalid_argument", "trt"},
    {"ShareIsANumber", "GET", "/best?E=1&N=1&kernel_share=35%25", {}, "", 400, "invalid_argument", "kernel_share"},
    {"ShareIsOne", "GET", "/best?E=1&N=1&kernel_share=1.01", {}, "", 400, "invalid_argument", "at most 1"},
    {"ShareIsNotNothing", "GET", "/best?E=1&N=1&kernel_share=0", {}, "", 400, "invalid_argument", "kernel_share"},
    {"RepeatedParameter", "GET", "/best?E=1&N=1&E=2", {}, "", 400, "invalid_argument", "\"E\""},
    {"MissingParameter", "GET", "/best?E=1", {}, "", 400, "invalid_argument", "\"N\""},
    {"NotANumber", "GET", "/best?E=many&N=1", {}, "", 400, "invalid_argument", "E"},
    {"NumberWithRest", "GET", "/best?E=1&N=1&batch=8x", {}, "", 400, "invalid_argument", "batch"},
    {"UnknownEnumValue", "GET", "/best?E=1&N=1&dtype=fp4", {}, "", 400, "invalid_argument", "fp4"},
    {"UnknownL2", "GET", "/trials?l2=hot", {}, "", 400, "invalid_argument", "hot"},
    {"UnknownStatus", "GET", "/trials?status=fine", {}, "", 400, "invalid_argument", "fine"},
    {"UnknownFormat", "GET", "/trials?format=xml", {}, "", 400, "invalid_argument", "xml"},
    {"UnknownEngine", "GET", "/export?E=1&N=1&format=trt", {}, "", 400, "invalid_argument", "trt"},
    {"LimitTooSmall", "GET", "/trials?limit=0", {}, "", 400, "invalid_argument", "limit"},
    {"LimitTooLarge", "GET", "/sweeps?limit=1001", {}, "", 400, "invalid_argument", "limit"},
    {"NegativeCursor", "GET", "/devices?after=-1", {}, "", 400, "invalid_argument", "after"},
    {"BadEscape", "GET", "/best?E=%zz", {}, "", 400, "invalid_argument", "%zz"},
    {"BadUtf8", "GET", "/best?device=%ff", {}, "", 400, "invalid_argument", "%ff"},
    {"IdIsNotANumber", "GET", "/sweeps/seven", {}, "", 400, "invalid_argument", "seven"},
    {"NoSuchSweep", "GET", "/sweeps/7", {}, "", 404, "not_found", "7"},
    {"NoSuchSweepsEvents", "GET", "/sweeps/7/events", {}, "", 404, "not_found", "7"},
    {"NoSuchSweepsRows", "GET", "/trials?sweep=7&format=jsonl", {}, "", 404, "not_found", "7"},
    {"NothingKnown", "GET", "/best?E=256&N=512", {}, "", 404, "not_found", "nothing"},
    {"ShortCacheKey", "GET", "/cache/explain?key=ab", {}, "", 400, "invalid_argument", "ab"},
    {"MissingCacheKey", "GET", "/cache/explain", {}, "", 400, "invalid_argument", "\"key\""},
    {"BodyOnGet", "GET", "/sweeps", media(k_json), "{}", 400, "invalid_argument", "no body"},
    {"NoBody", "POST", "/sweeps", {}, "", 400, "invalid_argument", "needs a body"},
    {"EmptyUpload", "POST", "/uploads", media(k_json), "", 400, "invalid_argument", "needs a body"},
    {"NoContentType", "POST", "/sweeps", {}, "{}", 415, "unsupported_media", k_json},
    {"Form", "POST", "/sweeps", media("application/x-www-form-urlencoded"), "E=1", 415, "unsupported_media", k_json},
    {"PlainText", "POST", "/sweeps", media("text/plain"), "{}", 415, "unsupported_media", k_json},
    {"Multipart", "POST", "/uploads", media("multipart/form-data; boundary=x"), "--x--", 415, "unsupported_media",
     "application/octet-stream"},
    {"FormWithoutBody", "POST", "/sweeps/1/cancel", media("text/plain"), "", 415, "unsupported_media", k_json},
    {"OtherCharset", "POST", "/sweeps", media("application/json; charset=latin1"), "{}", 415, "unsupported_media",
     k_json},
    {"Compressed",
     "POST",
     "/sweeps",
     {{"Content-Type", k_json}, {"Content-Encoding", "gzip"}},
     "{}",
     415,
     "unsupported_media",
     "Content-Encoding"},
    {"ImportOfText", "POST", "/import", media("text/plain"), "{}", 415, "unsupported_media", "application/x-ndjson"},
    {"ImportOfNoFiles", "POST", "/import", media(k_json), "{}", 400, "invalid_argument", "import.files"},
    {"CandidatesOfNoEngine", "GET", "/candidates?engine=trt", {}, "", 400, "invalid_argument", "engine"},
    {"NoSuchCandidateSet", "GET", "/candidates/9", {}, "", 404, "not_found", "candidate set 9"},
    {"NoIdOfAnUpload", "GET", "/uploads/x/groups", {}, "", 400, "invalid_argument", "not the id of an upload"},
    {"NoCandidateSetToDiscard", "POST", "/candidates/9/discard", {}, "", 404, "not_found", "candidate set 9"},
    {"NoNumberOfACandidateSet", "GET", "/candidates/x/file", {}, "", 400, "invalid_argument", "candidate set id"},
    {"BestUnderNoTraffic", "GET", "/best?E=1&N=1&traffic=x", {}, "", 400, "invalid_argument", "traffic"},
    {"NoTraffic", "GET", "/traffic", {}, "", 404, "not_found", "traffic import"},
    {"NoSuchTraffic", "GET", "/traffic?id=3", {}, "", 404, "not_found", "traffic 3"},
    {"NoNumberOfTraffic", "GET", "/traffic?id=x", {}, "", 400, "invalid_argument", "id"},
    {"TrafficOfNoSource", "POST", "/traffic", media(k_json),
     R"({"name":"a","source":"b","batches":[{"tokens":1,"steps":1}]})", 400, "invalid_argument", "traffic.source"},
    {"TrafficOfNoSteps", "POST", "/traffic", media(k_json), R"({"name":"a","source":"cudagraph","batches":[]})", 400,
     "invalid_argument", "traffic.batches"},
    {"BrokenJson", "POST", "/sweeps", media(k_json), "{\"E\":", 400, "invalid_argument", "body"},
    {"JsonOfBadUtf8", "POST", "/sweeps", media(k_json), "{\"\xff\":1}", 400, "invalid_argument", "body"},
    {"RepeatedField", "POST", "/sweeps", media(k_json), R"({"E":1,"E":2})", 400, "invalid_argument", "E"},
    {"JsonOfAnotherKind", "POST", "/sweeps", media(k_json), "[]", 400, "invalid_argument", "object"},
    {"UnknownField", "POST", "/sweeps", media(k_json), sweep_with(R"("foo":1)"), 400, "invalid_argument", "foo"},
    {"WrongType", "POST", "/sweeps", media(k_json), sweep_with(R"("batch":"8")"), 400, "invalid_argument", "batch"},
    {"PathAsRecording", "POST", "/cache/trim", media(k_json), R"({"bytes":"all"})", 400, "invalid_argument", "bytes"},
    {"FieldOfAnEmptyBody", "POST", "/cache/clear", media(k_json), R"({"path":"/"})", 400, "invalid_argument", "path"},
    {"FieldOfAnAction", "POST", "/sweeps/1/pause", media(k_json), R"({"now":true})", 400, "invalid_argument", "now"},
    {"NoTrialAtAll", "POST", "/import", media("application/x-ndjson"), "hello\n", 400, "invalid_argument", "line 1"},
    {"CutZstd", "POST", "/import", media("application/octet-stream"), "\x28\xb5\x2f\xfd\x04", 400, "invalid_argument",
     ""},
    {"AbsoluteTarget", "GET", "http://localhost/sweeps", {}, "", 400, "invalid_argument", "start with /"},
    {"TwoLengths",
     "POST",
     "/sweeps",
     {{"Content-Type", k_json}, {"Content-Length", "2"}},
     "{}",
     400,
     "invalid_argument",
     "Content-Length"},
    {"UnknownMethod", "BREW", "/sweeps", {}, "", 400, "invalid_argument", "request line"},
    {"LongRequestLine", "GET", "/best?device=" + std::string(9000, 'x'), {}, "", 414, "invalid_argument", "8 KiB"},
};

INSTANTIATE_TEST_SUITE_P(Requests, ServerErrorsTest, testing::ValuesIn(k_refusals),
                         [](const auto& instance) { return instance.param.name; });

class ServerDefectTest : public ServerTest {};

TEST_F(ServerDefectTest, IsAnInternalErrorAndTheServerGoesOn) {
  start();
  sweeps_.break_next_create();
  const Reply broken = post("/sweeps", k_problem);
  EXPECT_EQ(broken.status, 500);
  EXPECT_EQ(broken.error_code(), "internal");
  EXPECT_EQ(post("/sweeps", k_problem).status, 202);
}

TEST_F(ServerDefectTest, AMalformedHeaderIsAnsweredAndTheConnectionClosed) {
  start();
  RawClient client(server_->port());
  client.send("GET / HTTP/1.1\r\nHost : localhost\r\n\r\n");
  const Reply reply = client.receive();
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.error_code(), "invalid_argument");
  EXPECT_TRUE(client.closed_by_server());
}

/// Host, Origin and token against what they get; every request goes to the same server.
class ServerAccessTest : public ServerTest {};

TEST_F(ServerAccessTest, NoWebPageCanAskThroughABrowser) {
  start();
  const auto status = [&](const Fields& fields) { return request("GET", "/healthz", fields).status; };
  EXPECT_EQ(status({}), 200);
  EXPECT_EQ(status({{"Host", fmt::format("127.0.0.1:{}", server_->port())}}), 200);
  EXPECT_EQ(status({{"Host", "evil.example"}}), 403);
  EXPECT_EQ(status({{"Host", "localhost"}, {"Host", "localhost"}}), 400);
  EXPECT_EQ(status({{"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(status({{"Origin", "null"}}), 403);
  EXPECT_EQ(status({{"Origin", "http://localhost"}}), 200);
  EXPECT_EQ(status({{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "no-cors"}}), 403);
}

TEST_F(ServerAccessTest, AForeignHostLearnsNothingOfTheRoutes) {
  start();
  EXPECT_EQ(request("GET", "/nothing", {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(request("POST", "/sweeps/1/cancel", {{"Origin", "http://evil.example"}}).status, 403);
}

TEST_F(ServerAccessTest, WithATokenEveryRequestNeedsIt) {
  const auto token = folder_.write("token", "correct-horse\n");
  std::filesystem::permissions(token, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Options with_token{{"0.0.0.0", 0}, token, {}};
  auto server = HttpServer::start(with_token, services());
  ASSERT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
  const Reply without = get("/healthz");
  EXPECT_EQ(without.status, 401);
  EXPECT_EQ(without.error_code(), "unauthorized");
  EXPECT_EQ(without.headers.at("www-authenticate"), "Bearer");
  EXPECT_EQ(request("GET", "/", {{"Authorization", "Bearer wrong"}}).status, 401);
  EXPECT_EQ(request("GET", "/", {{"Authorization", "Bearer correct-horse"}}).status, 200);
  EXPECT_EQ(request("GET", "/", {{"Authorization", "Bearer correct-horse"}, {"Host", "evil.example"}}).status, 403);
}

TEST_F(ServerAccessTest, BeyondLoopbackItDoesNotStartWithoutAToken) {
  for (const char* host : {"0.0.0.0", "::"}) {
    const auto server = HttpServer::start({{host, 0}, std::nullopt, {}}, services());
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, schema::ErrorCode::invalid_argument);
    EXPECT_THAT(server.error().message, HasSubstr("token"));
  }
  const auto open = folder_.write("token", "correct-horse\n");
  std::filesystem::permissions(open, std::filesystem::perms(0644));
  const auto server = HttpServer::start({{"0.0.0.0", 0}, open, {}}, services());
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace moetune::daemon::http
