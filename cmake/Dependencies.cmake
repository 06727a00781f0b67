# Everything outside the core comes from the distribution; `./bootstrap build` installs it.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)

# OpenBLAS must use the OpenMP threads of gnewt's own loops: two pools of threads on the same cores are slower than
# one. Where Debian has several variants installed, openblas.pc may be another one's.
set(openblas_openmp /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
if(EXISTS ${openblas_openmp}/pkgconfig/openblas.pc)
  set(ENV{PKG_CONFIG_PATH} "${openblas_openmp}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
endif()
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas>=0.3.20)
pkg_get_variable(OPENBLAS_BUILD openblas openblas_config)
if(NOT OPENBLAS_BUILD MATCHES "USE_OPENMP=1")
  message(WARNING "this OpenBLAS (${OPENBLAS_LINK_LIBRARIES}) does not say that it was built with OpenMP; "
                  "gnewt will be slower. Debian and Ubuntu: libopenblas-openmp-dev.")
endif()

# The same variant at run time: its folder goes into the DT_RPATH, which, unlike DT_RUNPATH, also serves what LAPACKE
# asks for (liblapack.so.3, libblas.so.3).
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
add_link_options(LINKER:--disable-new-dtags)

pkg_check_modules(LAPACKE REQUIRED IMPORTED_TARGET lapacke>=3.9)
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5>=1.10)
pkg_check_modules(CYAML REQUIRED IMPORTED_TARGET libcyaml>=1.3)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1>=0.2)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
