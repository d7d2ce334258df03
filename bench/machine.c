#include "bench/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"
#include "mvad.h"

/* The value of the first line "key : value" of /proc/cpuinfo; "" where there is none. */
static void processor_line(const char *key, char *value, size_t size)
{
    char line[512];
    *value = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file) return;
    while (!*value && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key))) continue;
        snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " "));
        value[strcspn(value, "\n")] = 0;
    }
    fclose(file);
}

void machine_look(struct machine *machine)
{
    char clock[32];
    struct utsname system;
    struct tm date;
    const time_t now = time(NULL);
    *machine = (struct machine){.cores = (int)sysconf(_SC_NPROCESSORS_ONLN), .load = -1};
    processor_line("model name", machine->processor, sizeof machine->processor);
    processor_line("cpu MHz", clock, sizeof clock);
    machine->megahertz = atof(clock);
    getloadavg(&machine->load, 1);
    if (!uname(&system))
        snprintf(machine->system, sizeof machine->system, "%.32s %.64s %.24s", system.sysname,
                 system.release, system.machine);
    if (gmtime_r(&now, &date))
        strftime(machine->date, sizeof machine->date, "%Y-%m-%d %H:%M:%S", &date);
}

void machine_text(const struct machine *machine, char *text, size_t size)
{
    snprintf(text, size, "mvad %s, commit %s, %s, %s; %s, %d cores, %.0f MHz; %s; load %.1f; %s UTC",
             mvad_version(), BUILD_COMMIT, BUILD_COMPILER, BUILD_TYPE, machine->processor,
             machine->cores, machine->megahertz, machine->system, machine->load, machine->date);
}

static void add_known(cJSON *json, const char *key, double value, double unknown)
{
    if (value == unknown)
        cJSON_AddNullToObject(json, key);
    else
        cJSON_AddNumberToObject(json, key, value);
}

cJSON *machine_json(const struct machine *machine)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "version", mvad_version());
    cJSON_AddStringToObject(json, "commit", BUILD_COMMIT);
    cJSON_AddStringToObject(json, "date", machine->date);
    cJSON *build = cJSON_AddObjectToObject(json, "build");
    cJSON_AddStringToObject(build, "type", BUILD_TYPE);
    cJSON_AddStringToObject(build, "compiler", BUILD_COMPILER);
    cJSON_AddStringToObject(build, "flags", BUILD_FLAGS);
    cJSON *host = cJSON_AddObjectToObject(json, "machine");
    cJSON_AddStringToObject(host, "processor", machine->processor);
    cJSON_AddStringToObject(host, "system", machine->system);
    cJSON_AddNumberToObject(host, "cores", machine->cores);
    add_known(host, "megahertz", machine->megahertz, 0);
    add_known(host, "load", machine->load, -1);
    return json;
}
