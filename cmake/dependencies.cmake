# Finds the libraries and gathers those of the library itself in the target mvad_dependencies.
include(CheckSymbolExists)
include(CMakePushCheckState)

find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)

# mvad_find(<prefix> <pkg-config module> <Debian package>): PkgConfig::<prefix>, or a message that says what to install.
function(mvad_find prefix module package)
  pkg_check_modules(${prefix} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${prefix}_FOUND)
    message(FATAL_ERROR "${module} was not found by pkg-config. On Debian: apt install ${package} "
                        "(scripts/setup.sh installs everything mvad needs).")
  endif()
  message(STATUS "Found ${module} ${${prefix}_VERSION}")
endfunction()

mvad_find(CJSON libcjson libcjson-dev)
mvad_find(POPT popt libpopt-dev)
# Of stb only headers are used: stb_image decodes, stb_image_write writes pictures and synthetic data.
mvad_find(STB stb libstb-dev)
if(MVAD_BUILD_TESTS)
  mvad_find(CMOCKA cmocka libcmocka-dev)
endif()

# OpenBLAS by preference; any other library with a CBLAS interface works, with threads it keeps to itself.
pkg_check_modules(OPENBLAS QUIET IMPORTED_TARGET GLOBAL openblas)
if(OPENBLAS_FOUND)
  set(MVAD_BLAS PkgConfig::OPENBLAS)
  message(STATUS "Found openblas ${OPENBLAS_VERSION}")
else()
  find_package(BLAS)
  if(NOT BLAS_FOUND)
    message(FATAL_ERROR "OpenBLAS was not found by pkg-config, and no other BLAS either. On Debian: apt install "
                        "libopenblas-openmp-dev (scripts/setup.sh installs everything mvad needs).")
  endif()
  set(MVAD_BLAS BLAS::BLAS)
endif()

cmake_push_check_state(RESET)
set(CMAKE_REQUIRED_LIBRARIES ${MVAD_BLAS})
check_symbol_exists(cblas_sgemm cblas.h MVAD_HAVE_CBLAS)
check_symbol_exists(openblas_set_num_threads cblas.h MVAD_HAVE_OPENBLAS)
cmake_pop_check_state()
if(NOT MVAD_HAVE_CBLAS)
  message(FATAL_ERROR "The BLAS library found has no C interface (cblas_sgemm in cblas.h). "
                      "On Debian: apt install libopenblas-openmp-dev.")
endif()

# The OpenCL backend is left out where its libraries are missing; `mvad devices` then says so.
option(MVAD_OPENCL "Build the OpenCL backend where the ICD loader and CLBlast are found" ON)
set(MVAD_HAVE_OPENCL OFF)
if(MVAD_OPENCL)
  pkg_check_modules(OPENCL QUIET IMPORTED_TARGET GLOBAL OpenCL)
  pkg_check_modules(CLBLAST QUIET IMPORTED_TARGET GLOBAL clblast)
  if(OPENCL_FOUND AND CLBLAST_FOUND)
    set(MVAD_HAVE_OPENCL ON)
    message(STATUS "Found OpenCL ${OPENCL_VERSION} and CLBlast ${CLBLAST_VERSION}")
  else()
    message(STATUS "The OpenCL backend is left out: it needs the ICD loader's development files and CLBlast. "
                   "On Debian: apt install ocl-icd-opencl-dev libclblast-dev")
  endif()
endif()

# The CUDA backend needs nvcc and the headers of the driver and of cuBLAS, nothing to link: libraries are taken from the
# system when a device is opened.
set(MVAD_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO where the CUDA toolkit is found, ON, OFF")
set_property(CACHE MVAD_CUDA PROPERTY STRINGS AUTO ON OFF)
set(MVAD_CUDA_ARCHITECTURES 75 80 86 89 90 CACHE STRING
    "Compute capabilities to compile kernels for; later ones use the last one's PTX")
set(MVAD_HAVE_CUDA OFF)
if(MVAD_CUDA)
  find_package(CUDAToolkit 12.4 QUIET)
  if(CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE AND EXISTS ${CUDAToolkit_INCLUDE_DIRS}/cublas_v2.h)
    set(MVAD_HAVE_CUDA ON)
    message(STATUS "Found CUDA toolkit ${CUDAToolkit_VERSION}")
  elseif(MVAD_CUDA STREQUAL "AUTO")
    message(STATUS "The CUDA backend is left out: it needs the CUDA toolkit, 12.4 or later, with nvcc and cuBLAS")
  else()
    message(FATAL_ERROR "MVAD_CUDA is ${MVAD_CUDA}, but there is no CUDA toolkit, 12.4 or later, with nvcc and cuBLAS. "
                        "CUDAToolkit_ROOT names its folder where it is in an unusual place.")
  endif()
endif()

add_library(mvad_dependencies INTERFACE)
target_link_libraries(mvad_dependencies INTERFACE ${MVAD_BLAS} PkgConfig::CJSON OpenMP::OpenMP_C m)
if(MVAD_HAVE_CUDA)
  target_link_libraries(mvad_dependencies INTERFACE ${CMAKE_DL_LIBS})
endif()
if(MVAD_HAVE_OPENCL)
  target_link_libraries(mvad_dependencies INTERFACE PkgConfig::OPENCL PkgConfig::CLBLAST)
endif()
