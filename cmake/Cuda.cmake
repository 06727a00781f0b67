# GPUs. GNEWT_CUDA=AUTO builds the CUDA plugin where nvcc is, ON insists, OFF leaves it out; the library and the
# command are the same file either way but for one line in the list of backends. GNEWT_HOST_CUDA builds the CUDA backend
# into everything over tests/host_cuda, which runs it on the CPU: for tests alone.
set(GNEWT_CUDA AUTO CACHE STRING "build the CUDA plugin: AUTO (where nvcc is), ON or OFF")
set_property(CACHE GNEWT_CUDA PROPERTY STRINGS AUTO ON OFF)
option(GNEWT_HOST_CUDA "run the CUDA backend on the CPU, for tests" OFF)
set(GNEWT_HAS_PLUGIN OFF)

if(GNEWT_HOST_CUDA)
  message(STATUS "CUDA: on the CPU, by tests/host_cuda")
  enable_language(CXX)
  enable_testing()
  set(HOST_CUDA_BLAS ${OPENBLAS_LINK_LIBRARIES} CACHE FILEPATH "the same BLAS as everything else's")
  add_subdirectory(tests/host_cuda)
elseif(GNEWT_SANITIZE)
  message(STATUS "CUDA: left out of a sanitized build; the preset shim-asan tests it on the CPU")
elseif(GNEWT_CUDA)
  # 8.0 as machine code, 9.0 as machine code and as PTX for what comes after. `native` would need a GPU here.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90")
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    find_package(CUDAToolkit 13 QUIET)
  endif()
  if(TARGET CUDA::cublas AND TARGET CUDA::cusolver AND TARGET CUDA::cudart_static)
    set(GNEWT_HAS_PLUGIN ON)
    message(STATUS "CUDA: ${CUDAToolkit_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}, as the plugin libgnewt-cuda.so")
  elseif(GNEWT_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA: no nvcc 13 with cuBLAS and cuSOLVER found, so this build is for the CPU alone")
  else()
    message(FATAL_ERROR "GNEWT_CUDA=ON, but no nvcc 13 with cuBLAS and cuSOLVER was found; CMAKE_CUDA_COMPILER and "
                        "CUDAToolkit_ROOT may name it")
  endif()
else()
  message(STATUS "CUDA: left out (GNEWT_CUDA=OFF)")
endif()

# Of the prefix, as the loader looks for it from the folder of libgnewt or of the command.
set(GNEWT_PLUGIN_SUBFOLDER ${CMAKE_INSTALL_LIBDIR}/gnewt)
