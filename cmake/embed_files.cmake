# Run by moetune_embed: writes the header and the source that hold the named files as string literals.
string(REPLACE "|" ";" FILES "${FILES}")
set(declarations "")
set(definitions "")
foreach(file IN LISTS FILES)
  cmake_path(GET file FILENAME name)
  string(MAKE_C_IDENTIFIER "${name}" name)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND declarations "extern const std::string_view ${name};\n")
  string(APPEND definitions "static const char ${name}_bytes[] = {${bytes}'\\0'};\n"
    "const std::string_view ${name}{${name}_bytes, sizeof ${name}_bytes - 1};\n")
endforeach()
cmake_path(GET HEADER FILENAME header_name)
file(WRITE ${HEADER}
  "#pragma once\n#include <string_view>\nnamespace ${NAMESPACE} {\n${declarations}}  // namespace ${NAMESPACE}\n")
file(WRITE ${SOURCE} "#include \"${header_name}\"\nnamespace ${NAMESPACE} {\n${definitions}}  // namespace ${NAMESPACE}\n")
