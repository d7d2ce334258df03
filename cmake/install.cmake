# What `cmake --install` puts where: library, headers, CMake package, pkg-config file, programs, licence.
include(CMakePackageConfigHelpers)

install(TARGETS mvad EXPORT mvad-targets)
install(FILES include/mvad.h TYPE INCLUDE)
install(DIRECTORY include/mvad TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE README.md CHANGELOG.md TYPE DOC)
install(FILES examples/CMakeLists.txt examples/station.c DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# The programs find the library from where they are, so that an installed tree can be moved.
file(RELATIVE_PATH to_library ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(mvad_cli mvad_bench PROPERTIES INSTALL_RPATH "$ORIGIN/${to_library}")
install(TARGETS mvad_cli mvad_bench)

# Manual pages and shell completions come from the programs' own --help, which has to be run for them.
if(NOT CMAKE_CROSSCOMPILING)
  set(manual_dir ${PROJECT_BINARY_DIR}/manual)
  set(manuals)
  file(MAKE_DIRECTORY ${manual_dir})
  foreach(target IN ITEMS mvad_cli mvad_bench)
    get_target_property(name ${target} OUTPUT_NAME)
    set(outputs ${manual_dir}/${name}.1 ${manual_dir}/${name}.bash ${manual_dir}/${name}.fish ${manual_dir}/_${name})
    add_custom_command(OUTPUT ${outputs}
      COMMAND ${PROJECT_SOURCE_DIR}/scripts/make_manual.sh $<TARGET_FILE:${target}> ${manual_dir}
      DEPENDS ${target} ${PROJECT_SOURCE_DIR}/scripts/make_manual.sh VERBATIM)
    list(APPEND manuals ${outputs})
    install(FILES ${manual_dir}/${name}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${manual_dir}/${name}.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${name})
    install(FILES ${manual_dir}/${name}.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
    install(FILES ${manual_dir}/_${name} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  endforeach()
  add_custom_target(mvad_manuals ALL DEPENDS ${manuals})
endif()

# A shared library brings its own dependencies along; users of a static one must link them.
if(NOT BUILD_SHARED_LIBS)
  set(MVAD_PC_REQUIRES "libcjson")
  if(OPENBLAS_FOUND)
    string(APPEND MVAD_PC_REQUIRES ", openblas")
  else()
    list(JOIN BLAS_LIBRARIES " " MVAD_PC_LIBS)
  endif()
  string(APPEND MVAD_PC_LIBS " ${OpenMP_C_FLAGS} -lm")
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mvad)
install(EXPORT mvad-targets NAMESPACE mvad:: DESTINATION ${package_dir})
configure_package_config_file(cmake/mvad-config.cmake.in mvad-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(mvad-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mvad-config.cmake ${PROJECT_BINARY_DIR}/mvad-config-version.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH MVAD_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" MVAD_PC_TO_PREFIX "${MVAD_PC_TO_PREFIX}")
configure_file(mvad.pc.in mvad.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mvad.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
