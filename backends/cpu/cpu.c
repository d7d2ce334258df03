#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/cpu/copy_rate.h"
#include "backends/cpu/cpu.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/median.h"
#include "core/base/memory.h"
#include "core/graph/backend.h"

#ifdef CPU_HAVE_OPENBLAS
/* Declared by OpenBLAS's own cblas.h only in some packagings. */
void openblas_set_num_threads(int count);
#endif

/* The kernel tables of all compiled variants (backends/cpu/table.c). */
typedef const struct cpu_op *const kernel_table[OP_COUNT];
extern kernel_table cpu_table_f32_base, cpu_table_f64_base;
#ifdef CPU_HAVE_X86_VARIANTS
extern kernel_table cpu_table_f32_v3, cpu_table_f64_v3, cpu_table_f32_v4, cpu_table_f64_v4;
#endif

struct cpu_device {
    const char *level;
    kernel_table *f32, *f64;
    int threads;
};

struct cpu_program {
    kernel_table *table;
    const struct graph *graph;
    struct cpu_call *calls; /* one a node */
};

static bool processor_has(const char *level)
{
#ifdef CPU_HAVE_X86_VARIANTS
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi2");
    if (!strcmp(level, "v3")) return v3;
    if (!strcmp(level, "v4"))
        return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return !strcmp(level, "base");
}

/* The best compiled variant the processor has; MVAD_CPU_LEVEL=base|v3|v4 asks for a lower one. */
static mvad_status choose_level(struct cpu_device *device, mvad_error *error)
{
    static const struct {
        const char *name;
        kernel_table *f32, *f64;
    } levels[] = {
#ifdef CPU_HAVE_X86_VARIANTS
        {"v4", &cpu_table_f32_v4, &cpu_table_f64_v4},
        {"v3", &cpu_table_f32_v3, &cpu_table_f64_v3},
#endif
        {"base", &cpu_table_f32_base, &cpu_table_f64_base},
    };
    const char *wanted = getenv("MVAD_CPU_LEVEL");
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (wanted ? strcmp(wanted, levels[i].name) != 0 : !processor_has(levels[i].name)) continue;
        if (!processor_has(levels[i].name))
            return error_set(error, MVAD_ERROR_DEVICE,
                             "cpu: MVAD_CPU_LEVEL=%s, but the processor lacks its instructions",
                             wanted);
        device->level = levels[i].name;
        device->f32 = levels[i].f32;
        device->f64 = levels[i].f64;
        return MVAD_OK;
    }
    return error_set(error, MVAD_ERROR_DEVICE,
                     "cpu: MVAD_CPU_LEVEL=%s is not a level of this build", wanted);
}

/* Kernels run one-thread matrix products side by side; a BLAS with threads of its own would crowd
 * the cores and make results depend on their number. The setting is the BLAS library's, hence the
 * process's. */
static void set_blas_threads(int threads)
{
#ifdef CPU_HAVE_OPENBLAS
    openblas_set_num_threads(threads);
#else
    (void)threads;
#endif
}

static mvad_status cpu_open(int32_t index, int32_t threads, void **state, mvad_error *error)
{
    *state = NULL;
    if (index != 0)
        return error_set(error, MVAD_ERROR_DEVICE, "cpu:%d: there is one CPU device, cpu", index);
    if (threads < 0 || threads > 1024)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "cpu: %d threads; 1 to 1024, or 0 for one a core", threads);
    struct cpu_device *device = calloc(1, sizeof *device);
    if (!device) return error_out_of_memory(error, "cpu device", sizeof *device);
    mvad_status status = choose_level(device, error);
    if (status) {
        free(device);
        return status;
    }
    device->threads = threads ? threads : omp_get_num_procs();
    set_blas_threads(1);
    *state = device;
    return MVAD_OK;
}

static void cpu_close(void *state)
{
    free(state);
}

/* "model name" of the first processor in /proc/cpuinfo. */
static void processor_name(char *name, size_t size)
{
    snprintf(name, size, "CPU");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file) return;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon) continue;
        snprintf(name, size, "%s", colon + 2);
        name[strcspn(name, "\n")] = 0;
        break;
    }
    fclose(file);
}

static void cpu_describe(const void *state, mvad_device_info *info)
{
    const struct cpu_device *device = state;
    snprintf(info->id, sizeof info->id, "cpu");
    processor_name(info->name, sizeof info->name);
    snprintf(info->details, sizeof info->details, "kernels %s, BLAS %s", device->level,
#ifdef CPU_HAVE_OPENBLAS
             "OpenBLAS"
#else
             "CBLAS"
#endif
    );
    info->threads = device->threads;
    info->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static mvad_status cpu_list(void (*visit)(const mvad_device_info *info, void *user), void *user,
                            mvad_error *error)
{
    struct cpu_device device = {.threads = omp_get_num_procs()};
    mvad_status status = choose_level(&device, error);
    if (status) return status;
    mvad_device_info info = {0};
    cpu_describe(&device, &info);
    visit(&info, user);
    return MVAD_OK;
}

/* Large buffers ask for huge pages: a training step's arena is read end to end many times. */
static mvad_status cpu_alloc(void *state, size_t bytes, void **buffer, mvad_error *error)
{
    (void)state;
    const size_t huge = 2u << 20;
    *buffer = NULL;
    if (bytes >= 4 * huge && bytes <= SIZE_MAX - huge) {
        *buffer = aligned_alloc(huge, size_align(bytes, huge));
        if (*buffer) madvise(*buffer, size_align(bytes, huge), MADV_HUGEPAGE);
    } else {
        *buffer = memory_allocate(bytes);
    }
    return *buffer ? MVAD_OK : error_out_of_memory(error, "cpu", bytes);
}

static void cpu_free(void *state, void *buffer)
{
    (void)state;
    free(buffer);
}

static mvad_status cpu_write(void *state, void *buffer, size_t offset, const void *data,
                             size_t bytes, mvad_error *error)
{
    (void)state;
    memcpy((char *)buffer + offset, data, bytes);
    return error_clear(error);
}

static mvad_status cpu_read(void *state, const void *buffer, size_t offset, void *data,
                            size_t bytes, mvad_error *error)
{
    (void)state;
    memcpy(data, (const char *)buffer + offset, bytes);
    return error_clear(error);
}

static kernel_table *table_for(const struct cpu_device *device, const struct graph *graph)
{
    return graph->real == DTYPE_F64 ? device->f64 : device->f32;
}

/* Shapes and parameters of a node, without data. */
static struct cpu_call describe_call(const struct cpu_device *device, const struct graph *graph,
                                     const struct node *node)
{
    struct cpu_call call = {.params = &node->params, .threads = device->threads};
    for (int i = 0; i < NODE_MAX_INPUTS; i++)
        if (value_present(node->in[i])) call.in[i] = &graph->values[node->in[i]];
    for (int i = 0; i < NODE_MAX_OUTPUTS; i++)
        if (value_present(node->out[i])) call.out[i] = &graph->values[node->out[i]];
    return call;
}

static mvad_status cpu_query(void *state, const struct graph *graph, const struct node *node,
                             size_t *workspace_bytes, mvad_error *error)
{
    const struct cpu_device *device = state;
    const struct cpu_op *kernel = (*table_for(device, graph))[node->op];
    struct cpu_call call = describe_call(device, graph, node);
    const char *why = dtype_is_16_bit(graph->real) || graph->tf32 ? "computes in f32 and f64 only"
                      : !kernel                                   ? "no kernel"
                      : kernel->supports                          ? kernel->supports(&call)
                                                                  : NULL;
    if (why)
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "cpu: %s (%s): %s", op_name(node->op),
                         graph->scopes[node->scope], why);
    *workspace_bytes = kernel->workspace ? kernel->workspace(&call) : 0;
    return MVAD_OK;
}

static void *address(const struct value *value, void *const segments[SEGMENT_COUNT])
{
    return (char *)segments[value->segment] + value->offset;
}

static mvad_status cpu_bind(void *state, const struct graph *graph, const struct plan *plan,
                            void *const segments[SEGMENT_COUNT], void **result, mvad_error *error)
{
    const struct cpu_device *device = state;
    struct cpu_program *program = calloc(1, sizeof *program);
    struct cpu_call *calls = calloc(graph->node_count + 1, sizeof *calls);
    *result = NULL;
    if (!program || !calls) {
        free(program);
        free(calls);
        return error_out_of_memory(error, "cpu program", graph->node_count * sizeof *calls);
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        calls[n] = describe_call(device, graph, &graph->nodes[n]);
        for (int i = 0; i < NODE_MAX_INPUTS; i++)
            if (calls[n].in[i]) calls[n].x[i] = address(calls[n].in[i], segments);
        for (int i = 0; i < NODE_MAX_OUTPUTS; i++)
            if (calls[n].out[i]) calls[n].y[i] = address(calls[n].out[i], segments);
        if (segments[SEGMENT_ARENA])
            calls[n].workspace = (char *)segments[SEGMENT_ARENA] + plan->workspace_offset[n];
    }
    *program =
        (struct cpu_program){.table = table_for(device, graph), .graph = graph, .calls = calls};
    *result = program;
    return MVAD_OK;
}

static void cpu_unbind(void *state, void *program)
{
    (void)state;
    free(((struct cpu_program *)program)->calls);
    free(program);
}

static mvad_status cpu_run(void *state, void *bound, const struct run_profile *profile,
                           mvad_error *error)
{
    (void)state;
    const struct cpu_program *program = bound;
    for (size_t n = 0; n < program->graph->node_count; n++) {
        double start = profile ? clock_seconds() : 0;
        (*program->table)[program->graph->nodes[n].op]->run(&program->calls[n]);
        if (profile) profile->node_seconds[n] = clock_seconds() - start;
    }
    return error_clear(error);
}

static mvad_status cpu_sync(void *state, mvad_error *error)
{
    (void)state;
    return error_clear(error);
}

static mvad_status cpu_gemm_rate(void *state, mvad_precision precision, int64_t size,
                                 int32_t repeats, double *macs_per_second, mvad_error *error)
{
    const struct cpu_device *device = state;
    const bool fp64 = precision == MVAD_PRECISION_F64;
    const size_t count = (size_t)size * (size_t)size, bytes = 3 * count * (fp64 ? 8 : 4);
    const int n = (int)size;
    if (!fp64 && precision != MVAD_PRECISION_F32)
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "cpu: computes in f32 and f64 only");
    void *matrices = memory_allocate(bytes);
    double *seconds = malloc((size_t)repeats * sizeof *seconds);
    if (!matrices || !seconds) {
        free(matrices);
        free(seconds);
        return error_out_of_memory(error, "matrix product", bytes);
    }
    double *m = matrices;
    float *s = matrices;
    for (size_t i = 0; i < 3 * count; i++) {
        if (fp64)
            m[i] = (double)(i % 7) - 3;
        else
            s[i] = (float)(i % 7) - 3;
    }
    set_blas_threads(device->threads);
    for (int32_t r = -1; r < repeats; r++) { /* the first run warms up */
        double start = clock_seconds();
        if (fp64)
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, m, n, m + count, n,
                        0, m + 2 * count, n);
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, s, n, s + count, n,
                        0, s + 2 * count, n);
        if (r >= 0) seconds[r] = clock_seconds() - start;
    }
    set_blas_threads(1);
    *macs_per_second =
        (double)size * (double)size * (double)size / median_sorted(seconds, (size_t)repeats);
    free(matrices);
    free(seconds);
    return error_clear(error);
}

static mvad_status cpu_copy_rate(void *state, size_t bytes, int32_t repeats,
                                 double *bytes_per_second, mvad_error *error)
{
    const struct cpu_device *device = state;
    return cpu_measure_copy(device->threads, bytes, repeats, bytes_per_second, error);
}

const struct backend cpu_backend = {
    .name = "cpu",
    .list = cpu_list,
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .write = cpu_write,
    .read = cpu_read,
    .query = cpu_query,
    .bind = cpu_bind,
    .unbind = cpu_unbind,
    .run = cpu_run,
    .sync = cpu_sync,
    .gemm_rate = cpu_gemm_rate,
    .copy_rate = cpu_copy_rate,
};
