#include "tests/fuzz/entry.hpp"

#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moetune::fuzz::try_input({reinterpret_cast<const char*>(data), size});
  return 0;
}
