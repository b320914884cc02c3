# Everything that the build takes from outside: Debian's packages, and the CUDA headers from a toolkit or from
# NVIDIA's PyPI wheels. `make setup` installs all of it.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(muparser REQUIRED IMPORTED_TARGET muparser)

# The library was compiled with features that change the layout of its classes: its definitions must come along.
pkg_check_modules(cpp-httplib REQUIRED IMPORTED_TARGET cpp-httplib)
set(HTTPLIB_LIBRARY PkgConfig::cpp-httplib)

include(CudaHeaders)
add_library(moetune_cuda_headers INTERFACE)
target_include_directories(moetune_cuda_headers SYSTEM INTERFACE ${CUDA_INCLUDE_DIR} ${NVRTC_INCLUDE_DIR})
