#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>

mvad_status error_set(mvad_error *error, mvad_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        error->status = status;
    }
    return status;
}

mvad_status error_clear(mvad_error *error)
{
    if (error) {
        error->status = MVAD_OK;
        error->message[0] = 0;
    }
    return MVAD_OK;
}

mvad_status error_out_of_memory(mvad_error *error, const char *what, size_t bytes)
{
    return error_set(error, MVAD_ERROR_OUT_OF_MEMORY, "%s: out of memory allocating %zu bytes",
                     what, bytes);
}

const char *mvad_status_name(mvad_status status)
{
    switch (status) {
    case MVAD_OK: return "ok";
    case MVAD_ERROR_INVALID_ARGUMENT: return "invalid argument";
    case MVAD_ERROR_OUT_OF_MEMORY: return "out of memory";
    case MVAD_ERROR_IO: return "input/output error";
    case MVAD_ERROR_FORMAT: return "bad file format";
    case MVAD_ERROR_UNSUPPORTED: return "unsupported";
    case MVAD_ERROR_DEVICE: return "device error";
    case MVAD_ERROR_NUMERIC: return "not a finite number";
    }
    return "unknown status";
}
