#include "daemon/http/server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <thread>
#include <utility>
#include <vector>

#include "daemon/http/adapter.hpp"
#include "daemon/http/app.hpp"
#include "daemon/http/dispatcher.hpp"
#include "daemon/http/exchange.hpp"
#include "daemon/http/listener.hpp"
#include "daemon/http/route.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

struct HttpServer::State {
  State(const Services& services, const Options& options, ListenAddress real, std::optional<Token> token)
      : address(std::move(real)),
        app(services, options.limits, Access(address, std::move(token))),
        adapter(app, route_table()) {}

  void work() {
    Exchange exchange(app, adapter);
    while (auto connection = dispatcher->take()) {
      const Next next = exchange.serve(*connection);
      dispatcher->give_back(std::move(connection), next);
    }
  }

  const ListenAddress address;
  App app;
  const Adapter adapter;
  std::unique_ptr<Dispatcher> dispatcher;
  std::vector<std::thread> workers;
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
  stop();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(Options options, const Services& services) {
  if (options.limits.event_streams + options.limits.bulk_transfers >= options.limits.threads) {
    return fail(ErrorCode::internal, "long transfers could take every HTTP thread");
  }
  std::optional<Token> token;
  if (options.token_file) {
    auto read = Token::read(*options.token_file);
    if (!read) return std::unexpected(read.error());
    token = std::move(*read);
  }
  auto listener = Listener::open(options.listen);
  if (!listener) return std::unexpected(listener.error());
  if (!listener->loopback && !token) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} can be reached from other machines: a token is required, give --token-file",
                            to_text(options.listen)));
  }
  auto state = std::make_unique<State>(services, options, listener->address, std::move(token));
  auto dispatcher = Dispatcher::start(std::move(*listener), options.limits, state->app.connections);
  if (!dispatcher) return std::unexpected(dispatcher.error());
  state->dispatcher = std::move(*dispatcher);
  for (std::size_t i = 0; i < options.limits.threads; ++i) {
    state->workers.emplace_back([raw = state.get()] { raw->work(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

std::uint16_t HttpServer::port() const {
  return state_->address.port;
}

std::uint64_t HttpServer::requests_answered() const {
  return state_->app.metrics.requests();
}

std::string HttpServer::url() const {
  return fmt::format("http://{}", to_text(state_->address));
}

void HttpServer::stop() {
  if (state_->workers.empty()) return;
  state_->app.stopping = true;
  state_->dispatcher->close();
  if (!state_->dispatcher->await_quiet(state_->app.limits.stop_time)) {
    spdlog::warn("requests did not end within {} ms: their connections are cut", state_->app.limits.stop_time.count());
    state_->dispatcher->abort_all();
  }
  for (std::thread& worker : state_->workers) worker.join();
  state_->workers.clear();
}

}  // namespace moetune::daemon::http
