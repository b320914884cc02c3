#include "db/reader_pool.hpp"

namespace moetune::db {

ReaderPool::Lease::~Lease() {
  if (connection_) pool_->take_back(std::move(connection_));
}

ReaderPool::Lease ReaderPool::lease() {
  {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return !idle_.empty() || open_ < k_connections; });
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return {*this, std::move(connection)};
    }
    ++open_;
  }
  try {
    return {*this, std::make_unique<Connection>(ConnectionOptions{.path = file_, .mode = mode_})};
  } catch (...) {
    take_back(nullptr);
    throw;
  }
}

void ReaderPool::take_back(std::unique_ptr<Connection> connection) {
  // One that met a fault is closed, so that nothing of it lingers in its page cache.
  const bool keep = connection && connection->fault() == nullptr && !connection->in_transaction();
  {
    const std::lock_guard lock(mutex_);
    if (keep) {
      idle_.push_back(std::move(connection));
    } else {
      --open_;
    }
  }
  freed_.notify_one();
}

}  // namespace moetune::db
