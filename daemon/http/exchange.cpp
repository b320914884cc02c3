#include "daemon/http/exchange.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "daemon/http/app.hpp"
#include "daemon/http/body_reader.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;

namespace {

/// The connection as cpp-httplib sees it. Only the header is read through it, and that is there already.
class WireStream : public httplib::Stream {
 public:
  WireStream(Connection& connection, std::chrono::milliseconds patience)
      : connection_(connection), patience_(patience) {}

  bool is_readable() const override { return !connection_.pending().empty(); }
  bool is_writable() const override { return !connection_.peer_gone(); }
  ssize_t read(char* to, size_t size) override {
    const std::string_view bytes = connection_.pending().substr(0, size);
    if (bytes.empty()) return -1;
    std::memcpy(to, bytes.data(), bytes.size());
    connection_.consume(bytes.size());
    return static_cast<ssize_t>(bytes.size());
  }
  ssize_t write(const char* bytes, size_t size) override {
    return connection_.send_all({bytes, size}, patience_) ? static_cast<ssize_t>(size) : -1;
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  int socket() const override { return 0; }

 private:
  Connection& connection_;
  std::chrono::milliseconds patience_;
};

class StreamSink : public Sink {
 public:
  StreamSink(httplib::DataSink& sink, const std::atomic<bool>& stopping) : sink_(sink), stopping_(stopping) {}
  bool write(std::string_view bytes) override { return bytes.empty() || sink_.write(bytes.data(), bytes.size()); }
  bool wanted() const override { return !stopping_ && sink_.is_writable(); }

 private:
  httplib::DataSink& sink_;
  const std::atomic<bool>& stopping_;
};

/// True when the Connection field has `token` in its list.
bool asks_for(const Request& request, std::string_view token) {
  std::string list(request.headers.get("connection").value_or(""));
  std::ranges::transform(list, list.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return list.find(token) != std::string::npos;
}

Response unparsed_response(int status) {
  const char* message = status == 414   ? "the request line is longer than 8 KiB"
                        : status == 416 ? "the Range header is malformed; ranges are not served"
                                        : "the request line or the header is malformed";
  return error_response({ErrorCode::invalid_argument, message, nullptr}, status);
}

}  // namespace

class Exchange::Engine : public httplib::Server {
 public:
  Engine(App& app, const Adapter& adapter) : app_(app), adapter_(adapter) {
    svr_sock_ = 0;  // never used as a socket; the invalid value would end streamed bodies
    set_pre_routing_handler([this](const httplib::Request& from, httplib::Response& to) {
      answer(from, to);
      return HandlerResponse::Handled;
    });
    set_error_handler(HandlerWithResponse([this](const httplib::Request&, httplib::Response& to) {
      if (request_) return HandlerResponse::Unhandled;
      fill(unparsed_response(to.status), to);
      return HandlerResponse::Handled;
    }));
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& to) {
      to.headers.erase("Keep-Alive");
      to.headers.erase("Connection");
      to.headers.erase("Accept-Ranges");
      to.set_header("Connection", next_ == Next::keep ? "keep-alive" : "close");
    });
  }

  Next serve(Connection& connection) {
    connection_ = &connection;
    next_ = Next::drain;
    const auto begin = Clock::now();
    WireStream stream(connection, app_.limits.write_time);
    bool ignored = false;
    const bool sent = process_request(stream, false, ignored, [this](httplib::Request& from) { read_header(from); });
    finish(Clock::now() - begin);
    return sent ? next_ : Next::close;
  }

 private:
  /// Takes over what the header says and hides from cpp-httplib what it would act on by itself: it would cut ranges out
  /// of answers, compress them, and ask for bodies that nobody wants.
  void read_header(httplib::Request& from) {
    request_.emplace();
    request_->method = from.method;
    request_->version = from.version;
    request_->target = from.target;
    for (const auto& [name, value] : from.headers) request_->headers.add(name, value);
    from.ranges.clear();
    for (const char* name : {"Accept-Encoding", "Expect", "Connection"}) from.headers.erase(name);
  }

  void answer(const httplib::Request& from, httplib::Response& to) {
    auto body = BodyReader::create(request_->headers, from.version, *connection_);
    if (!body) {
      fill(error_response(body.error()), to);
      return;
    }
    request_->body = &*body;
    Adapter::Answer answered = adapter_.answer(*request_);
    route_ = answered.route;
    const bool keep = from.version == "HTTP/1.1" ? !asks_for(*request_, "close") : asks_for(*request_, "keep-alive");
    const bool endless = answered.response.stream && from.version != "HTTP/1.1";
    next_ = !body->finished() ? Next::drain : keep && !endless && !app_.stopping ? Next::keep : Next::close;
    fill(std::move(answered.response), to);
    request_->body = nullptr;
  }

  void fill(Response response, httplib::Response& to) {
    status_ = to.status = response.status;
    to.set_header("Cache-Control", "no-store");
    to.set_header("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) to.set_header(name, value);
    if (!response.stream) {
      to.set_content(response.body, response.content_type);
      return;
    }
    const auto produce = [this, producer = std::move(response.stream)](size_t, httplib::DataSink& sink) {
      StreamSink target(sink, app_.stopping);
      if (!produce_all(producer, target)) return false;
      sink.done();
      return true;
    };
    const auto release = [held = std::move(response.held)](bool) {};
    if (request_ && request_->version == "HTTP/1.1") {
      to.set_chunked_content_provider(response.content_type, produce, release);
    } else {
      to.set_content_provider(response.content_type, produce, release);
    }
  }

  bool produce_all(const Producer& producer, Sink& sink) const {
    try {
      return producer(sink);
    } catch (const std::exception& error) {
      spdlog::error("{} broke off: {}", request_->target.substr(0, 200), error.what());
      return false;
    }
  }

  void finish(Clock::duration took) {
    app_.metrics.count(request_ ? request_->method : "", route_ ? route_->pattern : "", status_, took);
    spdlog::debug("{} {} {} {:.1f} ms", request_ ? request_->method : "?",
                  request_ ? request_->target.substr(0, 200) : "?", status_,
                  std::chrono::duration<double, std::milli>(took).count());
    request_.reset();
    route_ = nullptr;
    status_ = 0;
  }

  App& app_;
  const Adapter& adapter_;
  Connection* connection_ = nullptr;
  std::optional<Request> request_;  ///< empty until a header was parsed
  const Route* route_ = nullptr;
  int status_ = 0;
  Next next_ = Next::close;
};

Exchange::Exchange(App& app, const Adapter& adapter) : engine_(std::make_unique<Engine>(app, adapter)) {}

Exchange::~Exchange() = default;

Next Exchange::serve(Connection& connection) {
  return engine_->serve(connection);
}

}  // namespace moetune::daemon::http
