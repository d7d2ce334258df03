/* A static graph: values, and nodes in the order they run. All shapes are known when it is built.
 * */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "core/graph/op.h"
#include "mvad.h"

typedef uint32_t value_id;
#define VALUE_NONE UINT32_MAX

#define NODE_MAX_INPUTS 8
#define NODE_MAX_OUTPUTS 4

enum dtype { DTYPE_F32, DTYPE_F64, DTYPE_F16, DTYPE_BF16, DTYPE_I32, DTYPE_U32 };

/* Where a value lives. Everything but the arena is laid out by the core before planning: `offset`
 * is then set. */
enum segment {
    SEGMENT_TRAINABLE, /* trainable parameters, one flat block */
    SEGMENT_GRADIENT,  /* their gradients, the same layout */
    SEGMENT_MOMENT1,   /* AdamW's first moment, the same layout */
    SEGMENT_MOMENT2,   /* and second */
    SEGMENT_CONSTANT,  /* frozen and folded weights, position encodings: written once at binding */
    SEGMENT_STATISTIC, /* running statistics of trained batch norms */
    SEGMENT_INPUT,     /* written by the host before a run */
    SEGMENT_ARENA,     /* everything computed; planned */
    SEGMENT_COUNT
};

struct value {
    int64_t dim[4];
    enum dtype dtype;
    enum segment segment;
    size_t offset;       /* bytes from the segment's start */
    bool output;         /* read by the host after the run: lives to the end */
    bool needs_gradient; /* a trainable parameter, or computed from one */
    const char *
        name; /* of inputs, outputs, parameters and constants; NULL otherwise; owned by the graph */
};

struct node {
    enum op op;
    union op_params params;
    value_id in[NODE_MAX_INPUTS];   /* VALUE_NONE where absent */
    value_id out[NODE_MAX_OUTPUTS]; /* VALUE_NONE where absent */
    uint32_t scope;                 /* index into graph.scopes: the layer group that asked for it */
    int64_t counted_repeat; /* times the paper's way of counting sees this node (1; see core/graph/count.h) */
};

/* A constant computed on the host from other constants before a run: a convolution's weight and
 * bias with the frozen batch norm behind it folded in. Values are ids in the same graph; the
 * sources need not live on the device. */
struct fold {
    value_id weight, bias;               /* results */
    value_id source_weight, source_bias; /* source_bias VALUE_NONE where the convolution has none */
    value_id gamma, beta, mean, var;
    double eps;
    bool output_channels_last; /* transposed convolutions (C,2,2,O); else (O,R,S,C) */
};

struct graph {
    struct value *values;
    size_t value_count, value_capacity;
    struct node *nodes;
    size_t node_count, node_capacity;
    char **scopes;
    size_t scope_count, scope_capacity;
    char **names; /* owner of value names */
    size_t name_count, name_capacity;
    struct fold *folds;
    size_t fold_count, fold_capacity;
    enum dtype
        real; /* how activations, their gradients and convolutions' weights are stored; kernels compute 16-bit ones in float */
    bool tf32; /* with DTYPE_F32: products may round their factors to 11 digits, sums stay in float */
    size_t segment_bytes[SEGMENT_COUNT];
    uint32_t next_salt; /* of the next dropout node */
    size_t forward_node_count; /* nodes before the first one graph_differentiate appended; node_count if it was not called */
    mvad_error error; /* the first thing that went wrong; builder calls after it do nothing */
};

void graph_init(struct graph *graph, enum dtype real);
void graph_free(struct graph *graph);

/* Status of everything done to the graph so far, copied to `error`. */
mvad_status graph_status(const struct graph *graph, mvad_error *error);

size_t dtype_bytes(enum dtype dtype);

static inline bool dtype_is_16_bit(enum dtype dtype)
{
    return dtype == DTYPE_F16 || dtype == DTYPE_BF16;
}

/* How everything else that is real is stored: vectors of parameters, statistics, sums, losses, maps, and whatever
 * the optimizer reads or writes. Where activations take 16 bits these keep 32. */
static inline enum dtype graph_wide(const struct graph *graph)
{
    return dtype_is_16_bit(graph->real) ? DTYPE_F32 : graph->real;
}
int64_t value_count_elements(const struct value *value);
size_t value_bytes(const struct value *value);
static inline bool value_present(value_id id)
{
    return id != VALUE_NONE;
}

/* Alignment of every value within its segment, in bytes: OpenCL's largest base address alignment
 * and more than CUDA's. */
#define VALUE_ALIGNMENT 256

/* Appends a value, or returns VALUE_NONE with the graph's error set. `name` may be NULL. */
value_id graph_add_value(struct graph *graph, enum dtype dtype, enum segment segment,
                         const int64_t dim[4], const char *name);

/* Names a value after the fact; the name is copied. */
void graph_name(struct graph *graph, value_id id, const char *name);

/* Appends a node in the current scope and returns it, or NULL with the graph's error set. The
 * pointer is valid until the next call. */
struct node *graph_add_node(struct graph *graph, enum op op);

/* Gives every value outside the arena that some node or fold result uses its offset, and sets
 * segment_bytes. Trainable parameters are all laid out, gradients and moments like them. Called by
 * the executor; may be called again. */
mvad_status graph_layout(struct graph *graph, mvad_error *error);

/* Offset of values that graph_layout found no use for. */
#define OFFSET_UNUSED SIZE_MAX

/* Removes nodes marked with op OP_COUNT, keeping the order and forward_node_count true. */
void graph_compact(struct graph *graph);

/* Starts a named group: nodes added from now on belong to it. */
void graph_scope(struct graph *graph, const char *name);

#endif
