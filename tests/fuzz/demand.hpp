#pragma once

#include <source_location>
#include <string_view>

#include "schema/error.hpp"

namespace moetune::fuzz {

/// Ends the process with a message when a property does not hold, so that libFuzzer keeps the input that broke it.
void demand(bool holds, std::string_view property, std::source_location where = std::source_location::current());

/// What is refused is refused for a reason that somebody can act on: a message of bounded length, and no defect.
void demand_reason(const schema::Error& error, std::source_location where = std::source_location::current());

}  // namespace moetune::fuzz
