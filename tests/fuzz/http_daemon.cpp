#include "tests/fuzz/http_daemon.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <thread>

#include "daemon/http/adapter.hpp"
#include "daemon/http/app.hpp"
#include "daemon/http/dispatcher.hpp"
#include "daemon/http/exchange.hpp"
#include "daemon/http/route.hpp"
#include "daemon/kernel_cache.hpp"
#include "daemon/upload_store.hpp"
#include "db/database.hpp"
#include "db/trial_import.hpp"
#include "tests/daemon/http/fake_sweeps.hpp"
#include "tests/daemon/http/sample_trials.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/scratch_folder.hpp"

namespace moetune::fuzz {
namespace {

using namespace daemon;
using namespace daemon::http;

constexpr std::int64_t k_rows = 12;

Limits small_limits() {
  Limits limits;
  limits.header_bytes = 12 << 10;
  limits.json_bytes = 8 << 10;
  limits.upload_bytes = 24 << 10;
  return limits;
}

/// Listens on a Unix-domain socket with a name that the kernel chooses; `address` is set to it.
kernels::UniqueFd listening_socket(sockaddr_un& address, socklen_t& size) {
  kernels::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  address = {};
  address.sun_family = AF_UNIX;
  size = sizeof address;
  demand(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)) == 0 &&
             ::listen(fd.get(), 8) == 0 && ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0,
         "a socket can listen");
  return fd;
}

template <typename T>
T taken(schema::Result<T> result) {
  demand(result.has_value(), result ? "" : result.error().message);
  return std::move(*result);
}

}  // namespace

struct HttpDaemon::State {
  ScratchFolder folder;
  std::unique_ptr<db::Database> database = taken(db::Database::open(folder.path(), db::Access::read_write));
  std::unique_ptr<KernelCache> cache;
  UploadStore uploads = taken(UploadStore::open(folder.path() / "uploads"));
  FakeSweeps sweeps;
  std::unique_ptr<App> app;
  std::unique_ptr<Adapter> adapter;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Exchange> exchange;  ///< the worker's; owned here, where the leak sanitizer finds it while it waits
  sockaddr_un address{};
  socklen_t address_size = 0;
  std::thread worker;

  State() {
    std::filesystem::create_directory(folder.path() / "scratch");
    cache = KernelCache::open({folder.path() / "cache", folder.path() / "scratch"});
    import_rows();
    const Services services{sweeps, *database, *cache, uploads,
                            [] { return nlohmann::ordered_json{{"checks", nlohmann::ordered_json::array()}}; }};
    app = std::make_unique<App>(services, small_limits(), Access(ListenAddress{}, std::nullopt));
    adapter = std::make_unique<Adapter>(*app, route_table());
    Listener listener{listening_socket(address, address_size), ListenAddress{}, true};
    dispatcher = taken(Dispatcher::start(std::move(listener), app->limits, app->connections));
    exchange = std::make_unique<Exchange>(*app, *adapter);
    worker = std::thread([this] { work(); });
  }

  ~State() {
    app->stopping = true;
    dispatcher->close();
    worker.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void import_rows() {
    std::int64_t row = 0;
    const db::LineSource source = [&](std::string& line) -> db::Result<bool> {
      if (row == k_rows) return false;
      line = schema::to_json(sample_trial(1 + row % 3, row)).dump();
      ++row;
      return true;
    };
    demand(taken(db::import_trials(*database, source, {})).inserted == k_rows, "the sample rows are stored");
  }

  void work() {
    while (auto connection = dispatcher->take()) {
      const Next next = exchange->serve(*connection);
      dispatcher->give_back(std::move(connection), next);
    }
  }
};

HttpDaemon::HttpDaemon() {
  spdlog::set_level(spdlog::level::off);
  state_ = std::make_unique<State>();
}

HttpDaemon::~HttpDaemon() = default;

std::string HttpDaemon::exchange(std::string_view bytes) {
  const kernels::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  demand(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&state_->address), state_->address_size) == 0,
         "the daemon takes connections");
  // Reads while it sends: to a client that does not, the daemon cuts its last words short.
  std::string answers;
  std::array<char, 16 << 10> piece;
  bool sending = true;
  for (;;) {
    if (sending && bytes.empty()) {
      ::shutdown(fd.get(), SHUT_WR);
      sending = false;
    }
    pollfd socket{fd.get(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
    ::poll(&socket, 1, -1);
    if ((socket.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const auto got = ::recv(fd.get(), piece.data(), piece.size(), 0);
      if (got <= 0) return answers;
      answers.append(piece.data(), static_cast<std::size_t>(got));
    } else if (sending) {
      const auto sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) bytes = {};  // it has closed the connection: the rest is still to be read
    }
  }
}

}  // namespace moetune::fuzz
