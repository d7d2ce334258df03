# How every C file of this project is compiled.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
# gnu11, not c11: gcc turns the contraction of a * b + c into one instruction off under -std=c11.
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla)
if(MVAD_WERROR)
  add_compile_options(-Werror)
endif()
if(MVAD_SANITIZE)
  set(MVAD_SANITIZE_FLAGS -fsanitize=${MVAD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_compile_options(${MVAD_SANITIZE_FLAGS})
  add_link_options(-fsanitize=${MVAD_SANITIZE})
endif()
