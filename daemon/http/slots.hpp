#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "schema/error.hpp"

namespace moetune::daemon::http {

/// A number of places, e.g. for event streams. Thread-safe; must outlive the places it gave.
class Slots {
 public:
  Slots(std::string what, std::size_t count) : what_(std::move(what)), count_(count) {}

  /// A place until the returned object is gone. Errors: unavailable when all are taken.
  schema::Result<std::shared_ptr<void>> take();
  std::size_t taken() const { return taken_; }

 private:
  std::string what_;
  std::size_t count_;
  std::atomic<std::size_t> taken_ = 0;
};

}  // namespace moetune::daemon::http
