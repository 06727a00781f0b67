# NVTX ranges for profilers (src/host/core/profile.h): headers alone, of a CUDA toolkit or of the package nvidia-nvtx.
# Without them there are no ranges, and nothing else changes.
option(GNEWT_NVTX "ranges for profilers, where NVTX's headers are" ON)
set(GNEWT_HAS_NVTX OFF)
if(GNEWT_NVTX)
  find_path(NVTX_INCLUDE nvtx3/nvToolsExt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} PATHS /usr/local/cuda/include
            DOC "the folder of nvtx3/nvToolsExt.h")
  if(NVTX_INCLUDE)
    set(GNEWT_HAS_NVTX ON)
    message(STATUS "Profiling: NVTX ranges, by the headers in ${NVTX_INCLUDE}")
  else()
    message(STATUS "Profiling: no nvtx3/nvToolsExt.h found, so profilers see no ranges; NVTX_INCLUDE may name its folder")
  endif()
else()
  message(STATUS "Profiling: no ranges (GNEWT_NVTX=OFF)")
endif()
