#include "daemon/http/dispatcher.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "daemon/http/adapter.hpp"
#include "daemon/http/header_block.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;
using std::chrono::milliseconds;

namespace {

constexpr int k_tick_ms = 100;               ///< how exactly deadlines are kept
constexpr milliseconds k_drain_time{2'000};  ///< for a client to stop sending what nobody reads
constexpr unsigned k_lost_peer_ms = 60'000;  ///< for a peer that acknowledges nothing: pulled cables send no farewell
constexpr std::size_t k_spare = 64;          ///< connections beyond the limit that are told so; more are just closed

bool watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.fd = fd;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Dispatcher::Dispatcher(Listener listener, const Limits& limits, std::atomic<std::size_t>& open)
    : limits_(limits),
      listener_(std::move(listener)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      open_(open) {}

Result<std::unique_ptr<Dispatcher>> Dispatcher::start(Listener listener, const Limits& limits,
                                                      std::atomic<std::size_t>& open) {
  std::unique_ptr<Dispatcher> dispatcher(new Dispatcher(std::move(listener), limits, open));
  const int epoll = dispatcher->epoll_.get();
  if (epoll < 0 || !watch(epoll, dispatcher->wake_.get()) || !watch(epoll, dispatcher->listener_.socket.get())) {
    return fail(ErrorCode::io, fmt::format("cannot watch sockets: {}", std::strerror(errno)));
  }
  dispatcher->thread_ = std::thread([raw = dispatcher.get()] { raw->run(); });
  return dispatcher;
}

Dispatcher::~Dispatcher() {
  close();
}

void Dispatcher::close() {
  closing_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void Dispatcher::wake() const {
  const std::uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);
}

void Dispatcher::run() {
  std::array<epoll_event, 64> events;
  while (!closing_) {
    const int timeout = parked_.empty() && accepting_ ? -1 : k_tick_ms;
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener_.socket.get()) {
        accept_all();
      } else if (fd == wake_.get()) {
        std::uint64_t ignored = 0;
        (void)!read(fd, &ignored, sizeof ignored);
      } else {
        on_readable(fd);
      }
    }
    take_in_returned();
    expire();
  }
  listener_.socket.reset();
  while (!parked_.empty()) drop(unpark(parked_.begin()->first));
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  work_.notify_all();
}

void Dispatcher::accept_all() {
  for (;;) {
    kernels::UniqueFd socket(accept4(listener_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      admit(std::move(socket));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    spdlog::warn("cannot accept a connection: {}", std::strerror(errno));
    if (close_longest_idle()) continue;
    // Out of descriptors or memory: look again at the next tick instead of spinning on the ready socket.
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.socket.get(), nullptr);
    accepting_ = false;
    return;
  }
}

void Dispatcher::admit(kernels::UniqueFd socket) {
  const int yes = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &k_lost_peer_ms, sizeof k_lost_peer_ms);
  const std::size_t open = ++open_;
  auto connection = std::make_unique<Connection>(std::move(socket));
  if (open <= limits_.connections || close_longest_idle()) {
    park(std::move(connection), Parked::For::request, limits_.idle_time);
  } else if (open <= limits_.connections + k_spare) {
    turn_away(std::move(connection), 503, ErrorCode::unavailable,
              fmt::format("all {} connections are in use: try again later", limits_.connections));
  } else {
    drop(std::move(connection));
  }
}

bool Dispatcher::close_longest_idle() {
  for (;;) {
    auto longest = parked_.end();
    for (auto it = parked_.begin(); it != parked_.end(); ++it) {
      if (it->second.waits_for != Parked::For::request) continue;
      if (longest == parked_.end() || it->second.deadline < longest->second.deadline) longest = it;
    }
    if (longest == parked_.end()) return false;
    auto connection = unpark(longest->first);
    if (connection->receive(limits_.header_bytes + 1) != Connection::Intake::some) {
      drop(std::move(connection));
      return true;
    }
    // Not idle: its request has arrived and was only not looked at yet.
    look_for_header(std::move(connection));
  }
}

void Dispatcher::on_readable(int fd) {
  const auto found = parked_.find(fd);
  if (found == parked_.end()) return;
  Connection& connection = *found->second.connection;
  if (found->second.waits_for == Parked::For::peer_to_close) {
    if (!connection.discard()) drop(unpark(fd));
    return;
  }
  if (connection.receive(limits_.header_bytes + 1) == Connection::Intake::closed) {
    drop(unpark(fd));
    return;
  }
  const HeaderBlock header = inspect_header(connection.pending());
  const bool first_bytes = found->second.waits_for == Parked::For::request;
  const bool undecided = header.state == HeaderState::incomplete && connection.pending().size() <= limits_.header_bytes;
  if (undecided && !first_bytes) return;
  look_for_header(unpark(fd));
}

void Dispatcher::look_for_header(std::unique_ptr<Connection> connection) {
  // Some clients end a body with an empty line too many.
  while (connection->pending().starts_with("\r\n")) connection->consume(2);
  const HeaderBlock header = inspect_header(connection->pending());
  if (header.state == HeaderState::malformed) {
    turn_away(std::move(connection), 400, ErrorCode::invalid_argument, "the request's header is malformed");
  } else if (std::max(header.size, header.size == 0 ? connection->pending().size() : 0) > limits_.header_bytes) {
    turn_away(std::move(connection), 431, ErrorCode::too_large,
              fmt::format("the request's header is larger than {} bytes", limits_.header_bytes));
  } else if (header.state == HeaderState::complete) {
    hand_over(std::move(connection));
  } else if (connection->pending().empty()) {
    park(std::move(connection), Parked::For::request, limits_.idle_time);
  } else {
    park(std::move(connection), Parked::For::rest_of_header, limits_.header_time);
  }
}

void Dispatcher::park(std::unique_ptr<Connection> connection, Parked::For waits_for, milliseconds patience) {
  const int fd = connection->fd();
  if (!watch(epoll_.get(), fd)) {
    drop(std::move(connection));
    return;
  }
  parked_.emplace(fd, Parked{std::move(connection), Clock::now() + patience, waits_for});
}

std::unique_ptr<Connection> Dispatcher::unpark(int fd) {
  const auto found = parked_.find(fd);
  auto connection = std::move(found->second.connection);
  parked_.erase(found);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  return connection;
}

void Dispatcher::turn_away(std::unique_ptr<Connection> connection, int status, ErrorCode code, std::string message) {
  connection->send_some(wire_text(error_response({code, std::move(message), nullptr}, status)));
  connection->close_sending();
  park(std::move(connection), Parked::For::peer_to_close, k_drain_time);
}

void Dispatcher::hand_over(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(connection));
  }
  work_.notify_one();
}

void Dispatcher::drop(std::unique_ptr<Connection> connection) {
  connection.reset();
  --open_;
}

void Dispatcher::take_in_returned() {
  std::vector<std::pair<std::unique_ptr<Connection>, Next>> returned;
  {
    const std::lock_guard lock(mutex_);
    returned.swap(returned_);
  }
  for (auto& [connection, next] : returned) {
    if (next == Next::keep) {
      look_for_header(std::move(connection));
    } else {
      connection->close_sending();
      park(std::move(connection), Parked::For::peer_to_close, k_drain_time);
    }
  }
}

void Dispatcher::expire() {
  const auto now = Clock::now();
  std::vector<int> late;
  for (const auto& [fd, parked] : parked_) {
    if (parked.deadline <= now) late.push_back(fd);
  }
  for (const int fd : late) {
    const bool header = parked_.at(fd).waits_for == Parked::For::rest_of_header;
    auto connection = unpark(fd);
    if (header) {
      turn_away(std::move(connection), 408, ErrorCode::invalid_argument,
                fmt::format("the request's header did not arrive within {} ms", limits_.header_time.count()));
    } else {
      drop(std::move(connection));
    }
  }
  if (!accepting_) accepting_ = watch(epoll_.get(), listener_.socket.get());
}

std::unique_ptr<Connection> Dispatcher::take() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return !ready_.empty() || closed_; });
  if (ready_.empty()) return nullptr;
  auto connection = std::move(ready_.front());
  ready_.pop_front();
  held_.insert(connection.get());
  return connection;
}

void Dispatcher::give_back(std::unique_ptr<Connection> connection, Next next) {
  {
    const std::lock_guard lock(mutex_);
    held_.erase(connection.get());
    if (next != Next::close && !closed_) returned_.emplace_back(std::move(connection), next);
  }
  quiet_.notify_all();
  if (connection) {
    drop(std::move(connection));
  } else {
    wake();
  }
}

bool Dispatcher::await_quiet(milliseconds patience) {
  std::unique_lock lock(mutex_);
  return quiet_.wait_for(lock, patience, [this] { return ready_.empty() && held_.empty(); });
}

void Dispatcher::abort_all() {
  const std::lock_guard lock(mutex_);
  open_ -= ready_.size();
  ready_.clear();
  for (Connection* connection : held_) connection->abort();
}

}  // namespace moetune::daemon::http
