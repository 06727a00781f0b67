# `cmake --install`: the library, its headers, the command, and how others find them (CMake and pkg-config).
include(CMakePackageConfigHelpers)

install(TARGETS gnewt EXPORT gnewt-targets)
install(DIRECTORY include/gnewt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET gnewt-cli)
  install(TARGETS gnewt-cli)
endif()
if(TARGET gnewt-cuda) # OPTIONAL: `./bootstrap demo` builds the CPU's part alone
  install(TARGETS gnewt-cuda DESTINATION ${GNEWT_PLUGIN_SUBFOLDER} OPTIONAL)
endif()

# All that is installed, without tests and benchmarks.
add_custom_target(installed)
foreach(target IN ITEMS gnewt gnewt-cli gnewt-cuda)
  if(TARGET ${target})
    add_dependencies(installed ${target})
  endif()
endforeach()

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/gnewt)
configure_package_config_file(cmake/gnewt-config.cmake.in gnewt-config.cmake INSTALL_DESTINATION ${config_folder}
                              NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(gnewt-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT gnewt-targets NAMESPACE gnewt:: DESTINATION ${config_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/gnewt-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/gnewt-config-version.cmake
        DESTINATION ${config_folder})

# A prefix given at install time (cmake --install --prefix) counts: gnewt.pc finds its own from where it lies.
file(RELATIVE_PATH pc_to_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(cmake/gnewt.pc.in gnewt.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/gnewt.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
