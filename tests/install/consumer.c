/* Calls something of each part of the library that needs no model, and prints the version. */
#include <mvad.h>
#include <stdio.h>

int main(void)
{
    mvad_error error;
    mvad_config config = mvad_config_default();
    mvad_device *device = NULL;
    if (mvad_config_check(&config, &error) || mvad_device_open("cpu", 1, &device, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    mvad_device_close(device);
    puts(mvad_version());
    return 0;
}
