#include "cli/client.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "cli/error_answer.hpp"
#include "schema/group.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::Error;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr time_t k_connect_seconds = 5;
/// How long an answer may stay away: checking a large database takes its time, and importing a large file even more.
constexpr time_t k_answer_seconds = 300;
constexpr time_t k_transfer_seconds = 3600;
constexpr time_t k_health_seconds = 5;
/// moetuned sends a comment every 15 s on a quiet event stream.
constexpr time_t k_event_seconds = 60;
constexpr std::size_t k_upload_piece = 256 << 10;
constexpr std::size_t k_max_error_body = 1 << 20;

std::unique_ptr<httplib::Client> connection_to(const Endpoint& endpoint, time_t patience = k_answer_seconds) {
  auto client = std::make_unique<httplib::Client>(endpoint.url);
  client->set_connection_timeout(k_connect_seconds);
  client->set_read_timeout(patience);
  client->set_write_timeout(k_answer_seconds);
  client->set_tcp_nodelay(true);
  client->set_url_encode(false);  // queries come encoded
  if (!endpoint.token.empty()) client->set_bearer_token_auth(endpoint.token);
  return client;
}

Error connection_error(const std::string& url, httplib::Error kind) {
  const bool reached = kind != httplib::Error::Connection && kind != httplib::Error::ConnectionTimeout;
  return Error{ErrorCode::unavailable,
               reached ? fmt::format("the daemon at {} broke the connection off", url)
                       : fmt::format("no daemon answers at {}", url),
               {{"connection", reached ? "broken" : "refused"}}};
}

/// The answer if it is a success, else the error that it tells.
Result<httplib::Response> checked(const std::string& url, httplib::Result result) {
  if (!result) return std::unexpected(connection_error(url, result.error()));
  if (result->status >= 200 && result->status < 300) return std::move(result.value());
  return std::unexpected(error_of_answer(url, result->status, result->body));
}

Result<ordered_json> parsed(const std::string& url, Result<httplib::Response> response) {
  if (!response) return std::unexpected(response.error());
  auto value = ordered_json::parse(response->body, nullptr, false);
  if (value.is_discarded()) {
    return fail(ErrorCode::data_damaged, fmt::format("what answers at {} is not moetuned: its answer is no JSON", url));
  }
  return value;
}

/// A GET whose body goes to `sink` when the status is a success. `stopped` tells that the sink ended it.
Result<void> streamed(httplib::Client& client, const std::string& url, const std::string& target,
                      const httplib::Headers& headers, const Client::Sink& sink) {
  int status = 0;
  bool stopped = false;
  std::string error_body;
  const auto result = client.Get(
      target, headers,
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        if (status >= 200 && status < 300) {
          stopped = !sink(std::string_view(data, size));
          return !stopped;
        }
        if (error_body.size() < k_max_error_body) error_body.append(data, size);
        return true;
      });
  if (stopped) return {};
  if (!result) return std::unexpected(connection_error(url, result.error()));
  if (status < 200 || status >= 300) return std::unexpected(error_of_answer(url, status, error_body));
  return {};
}

/// "host", "host:8765", "[::1]:8765".
bool is_host_and_port(std::string_view text) {
  const auto host_end = text.starts_with('[') ? text.find(']') + 1 : std::min(text.find(':'), text.size());
  if (host_end == 0 || text.substr(0, host_end).find_first_of("/?#@\\ ") != std::string_view::npos) return false;
  if (host_end == text.size()) return true;
  return text[host_end] == ':' && schema::integer_from_text("port", text.substr(host_end + 1), 1, 65535).has_value();
}

/// Feeds a file to a request; keeps what went wrong while reading.
class Upload {
 public:
  static Result<Upload> open(const std::filesystem::path& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
      return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: it is a folder", path.string()));
    }
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const auto size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
    if (size < 0) {
      return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
    }
    return Upload(std::move(file), static_cast<std::size_t>(size));
  }

  std::size_t size() const { return size_; }
  bool send(std::size_t offset, std::size_t length, httplib::DataSink& sink) {
    std::string piece(std::min(length, k_upload_piece), '\0');
    file_.seekg(static_cast<std::streamoff>(offset));
    file_.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (file_.gcount() <= 0) return false;
    return sink.write(piece.data(), static_cast<std::size_t>(file_.gcount()));
  }

 private:
  Upload(std::ifstream file, std::size_t size) : file_(std::move(file)), size_(size) {}
  std::ifstream file_;
  std::size_t size_;
};

}  // namespace

Result<Client> Client::make(Endpoint endpoint) {
  std::string_view rest = endpoint.url;
  const bool known_scheme = rest.starts_with("http://") || rest.starts_with("https://");
  rest.remove_prefix(known_scheme ? rest.find("://") + 3 : rest.size());
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (!is_host_and_port(rest)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not the URL of a daemon: write it as http://HOST:PORT", endpoint.url));
  }
  endpoint.url.resize(static_cast<std::size_t>(rest.data() + rest.size() - endpoint.url.data()));
  return Client(std::move(endpoint));
}

Result<ordered_json> Client::health() const {
  return parsed(url(), checked(url(), connection_to(endpoint_, k_health_seconds)->Get("/healthz")));
}

Result<ordered_json> Client::get(const std::string& path, const Query& query) const {
  return parsed(url(), checked(url(), connection_to(endpoint_)->Get(path + query.text())));
}

Result<ordered_json> Client::post(const std::string& path, const ordered_json& body) const {
  return parsed(url(), checked(url(), connection_to(endpoint_)->Post(path, body.dump(), "application/json")));
}

Result<ordered_json> Client::post_file(const std::string& path, const std::filesystem::path& file,
                                       const std::string& content_type) const {
  auto upload = Upload::open(file);
  if (!upload) return std::unexpected(upload.error());
  if (upload->size() == 0) return fail(ErrorCode::invalid_argument, fmt::format("{} is empty", file.string()));
  const auto send = [&](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
    return upload->send(offset, length, sink);
  };
  return parsed(
      url(),
      checked(url(), connection_to(endpoint_, k_transfer_seconds)->Post(path, upload->size(), send, content_type)));
}

Result<Attachment> Client::attachment(const std::string& path, const Query& query) const {
  auto response = checked(url(), connection_to(endpoint_)->Get(path + query.text()));
  if (!response) return std::unexpected(response.error());
  return Attachment{.name = disposition_filename(response->get_header_value("Content-Disposition")),
                    .bytes = std::move(response->body),
                    .version = response->get_header_value("ETag"),
                    .untested = response->get_header_value("Moetune-Untested"),
                    .unfinished = response->get_header_value("Moetune-Unfinished")};
}

Result<void> Client::stream(const std::string& path, const Query& query, const Sink& sink) const {
  return streamed(*connection_to(endpoint_, k_transfer_seconds), url(), path + query.text(), {}, sink);
}

Result<ordered_json> Client::list(const std::string& path, const Query& filter) const {
  ordered_json items = ordered_json::array();
  std::optional<std::string> after;
  while (true) {
    Query query = filter;
    query.add("limit", "1000");
    if (after) query.add("after", *after);
    auto page = get(path, query);
    if (!page) return std::unexpected(page.error());
    if (!page->is_object() || !page->contains("items") || !(*page)["items"].is_array()) {
      return fail(ErrorCode::data_damaged, fmt::format("{}{} did not answer with a list", url(), path));
    }
    for (auto& item : (*page)["items"]) items.push_back(std::move(item));
    const auto next = page->value("next", ordered_json());
    if (next.is_null()) return items;
    const std::string cursor = next.is_string() ? next.get<std::string>() : next.dump();
    if (after == cursor) return fail(ErrorCode::data_damaged, fmt::format("{}{} repeats a page", url(), path));
    after = cursor;
  }
}

struct EventConnection::State {
  Endpoint endpoint;
  std::unique_ptr<httplib::Client> client;
  std::atomic<bool> stopping = false;
};

EventConnection::EventConnection(const Endpoint& endpoint)
    : state_(std::make_unique<State>(endpoint, connection_to(endpoint, k_event_seconds))) {}
EventConnection::~EventConnection() = default;

Result<void> EventConnection::run(const std::string& path, const SseParser::Sink& sink) {
  SseParser parser(sink);
  const httplib::Headers headers = {{"Accept", "text/event-stream"}};
  auto result = streamed(*state_->client, state_->endpoint.url, path, headers,
                         [&](std::string_view piece) { return !state_->stopping && parser.feed(piece); });
  if (state_->stopping) return {};
  return result;
}

void EventConnection::stop() {
  state_->stopping = true;
  state_->client->stop();
}

bool is_connection_error(const Error& error) {
  return error.code == ErrorCode::unavailable && error.detail.is_object() && error.detail.contains("connection");
}

std::string disposition_filename(std::string_view header) {
  constexpr std::string_view k_name = "filename=";
  const auto found = header.find(k_name);
  if (found == std::string_view::npos) return "";
  header.remove_prefix(found + k_name.size());
  if (!header.starts_with('"')) return std::string(header.substr(0, header.find(';')));
  std::string name;
  for (std::size_t i = 1; i < header.size() && header[i] != '"'; ++i) {
    if (header[i] == '\\' && i + 1 < header.size()) ++i;
    name += header[i];
  }
  return name;
}

}  // namespace moetune::cli
