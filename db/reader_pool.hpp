#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "db/connection.hpp"

namespace moetune::db {

/// Up to k_connections read-only connections, opened when they are first needed. Thread-safe; it must outlive its
/// leases.
class ReaderPool {
 public:
  static constexpr int k_connections = 4;

  ReaderPool(std::filesystem::path file, OpenMode mode) : file_(std::move(file)), mode_(mode) {}

  /// The exclusive use of one connection, until the object ends.
  class Lease {
   public:
    Lease(ReaderPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Connection& operator*() const { return *connection_; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// Waits until a connection is free. Throws Fault when one cannot be opened.
  Lease lease();

 private:
  void take_back(std::unique_ptr<Connection> connection);

  const std::filesystem::path file_;
  const OpenMode mode_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;
  int open_ = 0;
};

}  // namespace moetune::db
