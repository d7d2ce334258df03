# cmake -DHEADER=mvad.h -DTEMPLATE=usage.c.in -DOUTPUT=usage.c -P extract_usage.cmake
# Puts the usage example of the header's top comment in the place of @EXAMPLE@.
cmake_minimum_required(VERSION 3.21)

file(READ ${HEADER} text)
set(first "     mvad_error error;")
set(last "mvad_device_close(device);")

string(FIND "${text}" "${first}" begin)
string(FIND "${text}" "${last}" end)
if(begin LESS 0 OR end LESS begin)
  message(FATAL_ERROR "${HEADER} has no usage example from '${first}' to '${last}'")
endif()
string(LENGTH "${last}" length)
math(EXPR length "${end} + ${length} - ${begin}")
string(SUBSTRING "${text}" ${begin} ${length} EXAMPLE)
string(REPLACE "\n *" "\n" EXAMPLE "${EXAMPLE}")

file(READ ${TEMPLATE} template)
string(REPLACE "@EXAMPLE@" "${EXAMPLE}" template "${template}")
file(WRITE ${OUTPUT} "${template}")
