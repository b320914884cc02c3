#pragma once

#include <string_view>

#include "schema/error.hpp"

namespace moetune::cli {

/// The error that an HTTP answer tells: the daemon's error shape with its code, message and detail; for a body that is
/// something else (a proxy, another server) an error that follows from the status and quotes its beginning.
schema::Error error_of_answer(std::string_view url, int status, std::string_view body);

}  // namespace moetune::cli
