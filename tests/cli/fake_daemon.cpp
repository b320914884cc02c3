#include "tests/cli/fake_daemon.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <mutex>
#include <thread>

namespace moetune::cli {

struct FakeDaemon::State {
  using Answerer = std::function<FakeAnswer(const SeenRequest&)>;

  void answer(const httplib::Request& request, httplib::Response& response) {
    SeenRequest seen{request.method, request.target, request.body, {}};
    for (const auto& [name, value] : request.headers) seen.headers[name] = value;
    Answerer answerer;
    {
      const std::lock_guard lock(mutex);
      requests.push_back(seen);
      const auto found = answers.find(request.method + " " + request.path);
      if (found != answers.end()) answerer = found->second;
    }
    if (!answerer) answerer = [](const SeenRequest&) { return error_answer(404, "not_found", "no such route"); };
    FakeAnswer answer = answerer(seen);
    response.status = answer.status;
    for (const auto& [name, value] : answer.headers) response.set_header(name, value);
    if (!answer.stream) {
      response.set_content(answer.body, answer.content_type);
      return;
    }
    response.set_chunked_content_provider(
        answer.content_type, [this, stream = std::move(answer.stream)](std::size_t, httplib::DataSink& sink) {
          const bool complete = stream([&](std::string_view piece) {
            return !stopping && sink.write(piece.data(), piece.size()) && sink.is_writable();
          });
          if (complete) sink.done();
          return complete;
        });
  }

  httplib::Server server;
  int port = 0;
  std::thread thread;
  std::atomic<bool> stopping = false;
  mutable std::mutex mutex;  ///< guards the rest
  std::map<std::string, Answerer> answers;
  std::vector<SeenRequest> requests;
};

FakeDaemon::FakeDaemon() : state_(std::make_unique<State>()) {
  const auto handler = [state = state_.get()](const httplib::Request& request, httplib::Response& response) {
    state->answer(request, response);
  };
  state_->server.Get(".*", handler);
  state_->server.Post(".*", handler);
  state_->server.set_keep_alive_max_count(1);
  state_->port = state_->server.bind_to_any_port("127.0.0.1");
  state_->thread = std::thread([state = state_.get()] { state->server.listen_after_bind(); });
  on("GET /healthz", {.body = R"({"status":"ok","version":"0.1.0","busy":false})"});
  // Once a request is answered, the server runs and can be stopped.
  httplib::Client("127.0.0.1", state_->port).Get("/healthz");
  const std::lock_guard lock(state_->mutex);
  state_->requests.clear();
}

FakeDaemon::~FakeDaemon() {
  stop();
}

void FakeDaemon::stop() {
  state_->stopping = true;
  state_->server.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

std::string FakeDaemon::url() const {
  return fmt::format("http://127.0.0.1:{}", state_->port);
}

void FakeDaemon::on(const std::string& method_and_path, FakeAnswer answer) {
  on(method_and_path, [answer = std::move(answer)](const SeenRequest&) { return answer; });
}

void FakeDaemon::on(const std::string& method_and_path, std::function<FakeAnswer(const SeenRequest&)> answer) {
  const std::lock_guard lock(state_->mutex);
  state_->answers[method_and_path] = std::move(answer);
}

std::vector<SeenRequest> FakeDaemon::seen() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

std::vector<SeenRequest> FakeDaemon::seen(const std::string& method_and_path) const {
  std::vector<SeenRequest> found;
  for (auto& request : seen()) {
    const auto path = request.target.substr(0, request.target.find('?'));
    if (request.method + " " + path == method_and_path) found.push_back(request);
  }
  return found;
}

FakeAnswer error_answer(int status, const std::string& code, const std::string& message, const std::string& detail) {
  return {.status = status,
          .body = fmt::format(R"({{"error":{{"code":"{}","message":"{}","detail":{}}}}})", code, message, detail)};
}

}  // namespace moetune::cli
