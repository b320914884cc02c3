# Sets CUDA_INCLUDE_DIR (cuda.h) and NVRTC_INCLUDE_DIR (nvrtc.h): those of a CUDA Toolkit 12.4 or newer, else those of
# NVIDIA's PyPI wheels in .venv. Both can be given with -D. Only headers are wanted here: libcuda, libnvrtc and
# libnvidia-ml are opened at run time, so that every binary starts on a machine that has none of them.
#
# scripts/setup.sh asks the same question with `cmake -P`: the script mode succeeds when there is a complete toolkit.
set(_moetune_cuda_minimum 12040)

# The include folder of the first root with cuda.h, nvrtc.h and libnvrtc of a version that is new enough.
function(moetune_find_cuda_toolkit result)
  foreach(root $ENV{CUDA_HOME} $ENV{CUDA_PATH} /usr/local/cuda /usr)
    foreach(include ${root}/include ${root}/targets/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux/include)
      if(EXISTS ${include}/cuda.h AND EXISTS ${include}/nvrtc.h)
        file(STRINGS ${include}/cuda.h line REGEX "^#define CUDA_VERSION " LIMIT_COUNT 1)
        string(REGEX MATCH "[0-9]+$" version "${line}")
        file(GLOB libraries ${root}/lib*/libnvrtc.so* ${root}/lib/*-linux-gnu/libnvrtc.so* ${include}/../lib/libnvrtc.so*)
        if(libraries AND version GREATER_EQUAL _moetune_cuda_minimum)
          set(${result} ${include} PARENT_SCOPE)
          return()
        endif()
      endif()
    endforeach()
  endforeach()
  set(${result} "" PARENT_SCOPE)
endfunction()

moetune_find_cuda_toolkit(_moetune_cuda_toolkit)

if(CMAKE_SCRIPT_MODE_FILE)
  if(NOT _moetune_cuda_toolkit)
    message(FATAL_ERROR "no CUDA Toolkit with cuda.h, nvrtc.h and libnvrtc, 12.4 or newer")
  endif()
  message("${_moetune_cuda_toolkit}")
  return()
endif()

if(NOT CUDA_INCLUDE_DIR OR NOT NVRTC_INCLUDE_DIR)
  set(CUDA_INCLUDE_DIR ${_moetune_cuda_toolkit})
  set(NVRTC_INCLUDE_DIR ${_moetune_cuda_toolkit})
  if(NOT _moetune_cuda_toolkit)
    set(wheels ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/nvidia/*/include)
    file(GLOB cuda_h LIST_DIRECTORIES false ${wheels}/cuda.h)
    file(GLOB nvrtc_h LIST_DIRECTORIES false ${wheels}/nvrtc.h)
    if(NOT cuda_h OR NOT nvrtc_h)
      message(FATAL_ERROR "cuda.h and nvrtc.h not found: no CUDA Toolkit 12.4 or newer (CUDA_HOME, CUDA_PATH, "
                          "/usr/local/cuda) and no wheels of them in .venv: run `make setup`, or name the folders "
                          "with -DCUDA_INCLUDE_DIR=... -DNVRTC_INCLUDE_DIR=...")
    endif()
    list(GET cuda_h 0 cuda_h)
    list(GET nvrtc_h 0 nvrtc_h)
    cmake_path(GET cuda_h PARENT_PATH CUDA_INCLUDE_DIR)
    cmake_path(GET nvrtc_h PARENT_PATH NVRTC_INCLUDE_DIR)
  endif()
endif()
message(STATUS "CUDA headers: ${CUDA_INCLUDE_DIR} (cuda.h), ${NVRTC_INCLUDE_DIR} (nvrtc.h)")
