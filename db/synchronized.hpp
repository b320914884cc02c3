#pragma once

#include <mutex>
#include <utility>

namespace moetune::db {

/// A value that several threads share: the mutex owns it, and lock() is the only way to it.
template <typename T>
class Synchronized {
 public:
  /// Holds the mutex for as long as it lives.
  class Lock {
   public:
    explicit Lock(Synchronized& owner) : lock_(owner.mutex_), value_(owner.value_) {}
    T* operator->() const { return &value_; }
    T& operator*() const { return value_; }

   private:
    std::unique_lock<std::mutex> lock_;
    T& value_;
  };

  Synchronized() = default;
  explicit Synchronized(T value) : value_(std::move(value)) {}

  Lock lock() { return Lock(*this); }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace moetune::db
