# One INTERFACE target carries the settings and warnings of every target of the project.
option(MOETUNE_BUILD_TESTS "build the test suite and the benchmarks" ON)
option(MOETUNE_WARNINGS_AS_ERRORS "treat compiler warnings as errors" OFF)
set(MOETUNE_SANITIZERS "" CACHE STRING "value of -fsanitize=, e.g. address,undefined or thread")

add_library(moetune_settings INTERFACE)
target_include_directories(moetune_settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(moetune_settings INTERFACE MOETUNE_VERSION="${PROJECT_VERSION}")
target_compile_options(moetune_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${MOETUNE_WARNINGS_AS_ERRORS}>:-Werror>)
if(MOETUNE_SANITIZERS)
  target_compile_options(moetune_settings INTERFACE -fsanitize=${MOETUNE_SANITIZERS} -fno-omit-frame-pointer
                                                    -fno-sanitize-recover=all)
  target_link_options(moetune_settings INTERFACE -fsanitize=${MOETUNE_SANITIZERS})
endif()

# moetune_library(NAME SOURCES...) declares a folder's library: settings, warnings, and the one header that is
# large and wanted nearly everywhere (nlohmann/json.hpp) precompiled.
function(moetune_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC moetune_settings)
  target_precompile_headers(${name} PRIVATE <nlohmann/json.hpp> <expected> <string> <vector>)
endfunction()
