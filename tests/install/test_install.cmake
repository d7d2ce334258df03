# Installs the build into a scratch prefix and uses it as a stranger would: through find_package and through pkg-config.
# Variables: BUILD_DIR CONSUMER_DIR WORK_DIR VERSION CONFIG C_COMPILER C_FLAGS GENERATOR LIBDIR BINDIR DOCDIR SHARED PKG_CONFIG NM
cmake_minimum_required(VERSION 3.21)

set(prefix ${WORK_DIR}/prefix)
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})
separate_arguments(C_FLAGS)

# run(<what> <variable of the output> <command>..)
function(run what output)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE errors
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${what} failed (${result}): ${command}\n${text}\n${errors}")
  endif()
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

run("install" ignored ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix} --config ${CONFIG})
foreach(file IN ITEMS include/mvad.h ${LIBDIR}/pkgconfig/mvad.pc ${DOCDIR}/LICENSE ${BINDIR}/mvad ${BINDIR}/mvad-bench)
  if(NOT EXISTS ${prefix}/${file})
    message(FATAL_ERROR "${file} was not installed")
  endif()
endforeach()

# The installed program finds the installed library.
run("installed mvad" ignored ${prefix}/${BINDIR}/mvad --help)

list(JOIN C_FLAGS " " flags)
run("find_package" ignored ${CMAKE_COMMAND} -S ${CONSUMER_DIR} -B ${WORK_DIR}/consumer -G ${GENERATOR}
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_C_FLAGS=${flags} -DCMAKE_BUILD_TYPE=${CONFIG} -DCMAKE_PREFIX_PATH=${prefix}
    -DMVAD_EXPECTED_VERSION=${VERSION})
run("build with find_package" ignored ${CMAKE_COMMAND} --build ${WORK_DIR}/consumer --config ${CONFIG})
run("program built with find_package" version ${WORK_DIR}/consumer/consumer)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "the consumer printed '${version}', the version is ${VERSION}")
endif()

set(static)
if(NOT SHARED)
  set(static --static)
endif()
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run("pkg-config --modversion" version ${PKG_CONFIG} --modversion mvad)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "pkg-config says version ${version}, not ${VERSION}")
endif()
run("pkg-config" options ${PKG_CONFIG} ${static} --cflags --libs mvad)
separate_arguments(options UNIX_COMMAND "${options}")
run("build with pkg-config" ignored ${C_COMPILER} ${C_FLAGS} ${CONSUMER_DIR}/consumer.c -o ${WORK_DIR}/with_pkg_config
    ${options})
set(ENV{LD_LIBRARY_PATH} ${prefix}/${LIBDIR})
run("program built with pkg-config" version ${WORK_DIR}/with_pkg_config)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "the consumer printed '${version}', the version is ${VERSION}")
endif()

# Nothing but the public names leaves the shared library.
if(SHARED AND NOT C_FLAGS)
  run("nm" symbols ${NM} --dynamic --defined-only --extern-only ${prefix}/${LIBDIR}/libmvad.so)
  string(REGEX MATCHALL "[^ \n]+(\n|$)" names "${symbols}")
  list(TRANSFORM names STRIP)
  if(NOT "mvad_version" IN_LIST names)
    message(FATAL_ERROR "libmvad.so does not export mvad_version:\n${symbols}")
  endif()
  list(FILTER names EXCLUDE REGEX "^mvad_")
  if(names)
    message(FATAL_ERROR "libmvad.so exports names that are not public: ${names}")
  endif()
endif()
