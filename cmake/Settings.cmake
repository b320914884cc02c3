# One INTERFACE target carries the settings and warnings of every target of the project.
option(MOETUNE_BUILD_TESTS "build the test suite and the benchmarks" ON)
option(MOETUNE_WARNINGS_AS_ERRORS "treat compiler warnings as errors" OFF)
set(MOETUNE_SANITIZERS "" CACHE STRING "value of -fsanitize=, e.g. address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, RelWithDebInfo or Release" FORCE)
endif()

add_library(moetune_settings INTERFACE)
target_include_directories(moetune_settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(moetune_settings INTERFACE
  MOETUNE_VERSION="${PROJECT_VERSION}" $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
target_compile_options(moetune_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${MOETUNE_WARNINGS_AS_ERRORS}>:-Werror>)
if(MOETUNE_SANITIZERS)
  target_compile_options(moetune_settings INTERFACE -fsanitize=${MOETUNE_SANITIZERS} -fno-omit-frame-pointer
                                                    -fno-sanitize-recover=all)
  target_link_options(moetune_settings INTERFACE -fsanitize=${MOETUNE_SANITIZERS})
endif()

# ccache when there is one. It takes precompiled headers only with these sloppiness settings and -fpch-preprocess. Clones
# share its entries, except those of debug builds: debuggers find the sources by the folder that is named there.
find_program(MOETUNE_CCACHE ccache)
mark_as_advanced(MOETUNE_CCACHE)
if(MOETUNE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER /usr/bin/env CCACHE_SLOPPINESS=pch_defines,time_macros)
  if(NOT CMAKE_BUILD_TYPE STREQUAL Debug)
    list(APPEND CMAKE_CXX_COMPILER_LAUNCHER CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${PROJECT_SOURCE_DIR})
  endif()
  list(APPEND CMAKE_CXX_COMPILER_LAUNCHER ${MOETUNE_CCACHE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(moetune_settings INTERFACE -fpch-preprocess)
endif()

# The one header that is large and wanted nearly everywhere is precompiled once, for every target of the project.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cpp CONTENT "")
add_library(moetune_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
target_link_libraries(moetune_precompiled PRIVATE moetune_settings)
target_precompile_headers(moetune_precompiled PRIVATE <nlohmann/json.hpp> <expected> <string> <vector>)

# moetune_library(NAME SOURCES...) declares a folder's library.
function(moetune_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC moetune_settings)
  target_precompile_headers(${name} REUSE_FROM moetune_precompiled)
endfunction()

# moetune_executable(NAME SOURCES...) declares a program; it lands in bin/ of the build folder.
function(moetune_executable name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE moetune_settings)
  target_precompile_headers(${name} REUSE_FROM moetune_precompiled)
endfunction()
