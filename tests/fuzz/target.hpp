#pragma once

#include <string_view>

namespace moetune::fuzz {

/// What a target defines: takes one input apart and demands what must hold of it. Called again and again in one
/// process; whatever it keeps from one input to the next must not change what it demands.
void try_input(std::string_view input);

}  // namespace moetune::fuzz
