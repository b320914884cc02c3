# Everything that the build takes from outside. Debian's packages, and the CUDA headers from a toolkit or from
# NVIDIA's PyPI wheels (`make setup` says which it found).
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
find_path(HTTPLIB_INCLUDE_DIR httplib.h REQUIRED)
find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)

# Header-only use: libcuda, libnvrtc and libnvidia-ml are opened at run time, so that every binary starts on a
# machine that has none of them.
file(GLOB _moetune_cuda_wheels ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/nvidia/*/include)
find_path(CUDA_INCLUDE_DIR cuda.h REQUIRED
  HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES include NO_CACHE)
if(NOT CUDA_INCLUDE_DIR)
  find_path(CUDA_INCLUDE_DIR cuda.h REQUIRED PATHS ${_moetune_cuda_wheels})
endif()
find_path(NVRTC_INCLUDE_DIR nvrtc.h REQUIRED
  HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda ${_moetune_cuda_wheels} PATH_SUFFIXES include)
add_library(moetune_cuda_headers INTERFACE)
target_include_directories(moetune_cuda_headers SYSTEM INTERFACE ${CUDA_INCLUDE_DIR} ${NVRTC_INCLUDE_DIR})
