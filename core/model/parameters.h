/* The table of a network's parameters: names, shapes and initial values. Made by building the
 * network once, so that it cannot drift from it; the loader, the optimizer's export and the tests
 * all go through it. */
#ifndef MODEL_PARAMETERS_H
#define MODEL_PARAMETERS_H

#include <stdbool.h>

#include "mvad.h"

/* How PyTorch's layout maps to the graph's four dimensions. */
enum parameter_layout {
    LAYOUT_VECTOR, /* (C)        -> (1,1,1,C) */
    LAYOUT_LINEAR, /* (O,I)      -> (O,1,1,I) */
    LAYOUT_CONV,   /* (O,I,R,S)  -> (O,R,S,I) */
    LAYOUT_CONVT   /* (I,O,R,S)  -> (I,R,S,O) */
};

enum parameter_init {
    INIT_ZERO,
    INIT_ONE,
    INIT_KAIMING_NORMAL, /* standard deviation sqrt(2 / fan out) (He et al. 2015, equation 14) */
    INIT_UNIFORM         /* +-1 / sqrt(fan in) */
};

struct parameter {
    char name[96];
    mvad_parameter_kind kind;
    enum parameter_layout layout;
    enum parameter_init init;
    int64_t fan; /* fan out or fan in, as `init` needs */
    int32_t rank;
    int64_t shape[4]; /* PyTorch's */
    int64_t dim[4];   /* the graph's */
    size_t count;
    size_t offset;  /* in elements, in a model's block of values */
    bool statistic; /* a running mean or variance, of the teacher too */
    uint32_t scope; /* the graph scope it was registered in: its layer group */
};

struct parameter_table {
    struct parameter *items;
    size_t count, capacity;
    size_t elements; /* of all parameters together */
};

/* Appends a parameter, its shape derived from `dim` and `layout`; the first failure is returned. */
mvad_status parameter_table_add(struct parameter_table *table, const char *name,
                                mvad_parameter_kind kind, enum parameter_layout layout,
                                enum parameter_init init, int64_t fan, const int64_t dim[4],
                                mvad_error *error);
void parameter_table_free(struct parameter_table *table);

/* The parameter of that name, or NULL. */
const struct parameter *parameter_table_find(const struct parameter_table *table, const char *name);

/* Initial values in PyTorch's layout. The random stream is the name's hash, so that a value does
 * not depend on what else the network has. */
void parameter_initialise(const struct parameter *parameter, uint64_t seed, float *values);

/* Reorders between PyTorch's layout and the graph's. */
void parameter_to_graph(const struct parameter *parameter, const float *values,
                        double *graph_values);
void parameter_from_graph(const struct parameter *parameter, const double *graph_values,
                          double *values);

#endif
