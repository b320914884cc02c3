#include "tests/fuzz/scratch_folder.hpp"

#include <cstdlib>
#include <fstream>
#include <string>
#include <system_error>

#include "tests/fuzz/demand.hpp"

namespace moetune::fuzz {

ScratchFolder::ScratchFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "moetune_fuzz_XXXXXX").string();
  demand(mkdtemp(name.data()) != nullptr, "a folder can be made in the temporary folder");
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path ScratchFolder::write(std::string_view name, std::string_view bytes) const {
  auto file = path_ / name;
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << bytes;
  stream.close();
  demand(stream.good(), "a file can be written in the temporary folder");
  return file;
}

}  // namespace moetune::fuzz
