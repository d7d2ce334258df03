#include "mvad.h"

#define TEXT2(value) #value
#define TEXT(value) TEXT2(value)

const char *mvad_version(void)
{
    return TEXT(MVAD_VERSION_MAJOR) "." TEXT(MVAD_VERSION_MINOR) "." TEXT(MVAD_VERSION_PATCH);
}
