#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "schema/error.hpp"

namespace moetune {

/// The value of a Result; a failed expectation and an exception, both with its message, when it is an error.
template <typename T>
T must(schema::Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    throw std::runtime_error(result.error().message);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace moetune
