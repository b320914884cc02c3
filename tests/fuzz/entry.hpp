#pragma once

#include <cstddef>
#include <cstdint>

/// The function that libFuzzer calls for each input.
// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer looks for
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
