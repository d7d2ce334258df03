#include "core/graph/count.h"

static const int64_t *dims(const struct graph *graph, value_id id)
{
    static const int64_t none[4];
    return value_present(id) ? graph->values[id].dim : none;
}

static double elements(const struct graph *graph, value_id id)
{
    return value_present(id) ? (double)value_count_elements(&graph->values[id]) : 0;
}

/* Query pixels x key pixels x channels of one of the two products of routed attention; queries
 * padded or as computed. */
static double attention_product(const struct graph *graph, const struct node *node, value_id q,
                                value_id indices, bool padded_queries)
{
    const int64_t *d = dims(graph, q), *index = dims(graph, indices);
    int64_t a = node->params.attention.windows;
    int64_t height = (d[1] + a - 1) / a * a, width = (d[2] + a - 1) / a * a;
    double window = (double)(height / a) * (double)(width / a);
    double queries = padded_queries ? (double)(height * width) : (double)(d[1] * d[2]);
    return (double)d[0] * queries * (double)index[2] * window * (double)d[3];
}

static double conv_macs(const struct graph *graph, value_id weight, value_id pixels)
{
    const int64_t *p = dims(graph, pixels);
    return elements(graph, weight) * (double)(p[0] * p[1] * p[2]);
}

static double route_macs(const struct graph *graph, const struct node *node)
{
    const int64_t *q = dims(graph, node->in[0]);
    int64_t views = node->params.window.views, windows = q[1] * q[2];
    return (double)(q[0] * windows) * (double)((views > 1 ? views - 1 : 1) * windows) * (double)q[3];
}

double count_paper_macs(const struct graph *graph, const struct node *node)
{
    double repeat = (double)node->counted_repeat;
    switch (node->op) {
    case OP_CONV2D: return repeat * conv_macs(graph, node->in[1], node->out[0]);
    case OP_CONVT2X2: return repeat * conv_macs(graph, node->in[1], node->in[0]);
    case OP_BATCH_NORM:
    case OP_BATCH_NORM_EVAL: return repeat * 2 * elements(graph, node->out[0]);
    case OP_LAYER_NORM: return repeat * 5 * elements(graph, node->out[0]);
    case OP_ROUTE: return repeat * route_macs(graph, node);
    case OP_ROUTED_ATTENTION:
        return repeat * 2 * attention_product(graph, node, node->in[0], node->in[3], true);
    default: return 0;
    }
}

double count_executed_macs(const struct graph *graph, const struct node *node)
{
    switch (node->op) {
    case OP_CONV2D: return conv_macs(graph, node->in[1], node->out[0]);
    case OP_CONV2D_GRAD_INPUT: return conv_macs(graph, node->in[1], node->in[0]);
    case OP_CONV2D_GRAD_WEIGHT: return conv_macs(graph, node->out[0], node->in[1]);
    case OP_CONVT2X2: return conv_macs(graph, node->in[1], node->in[0]);
    case OP_CONVT2X2_GRAD_INPUT: return conv_macs(graph, node->in[1], node->out[0]);
    case OP_CONVT2X2_GRAD_WEIGHT: return conv_macs(graph, node->out[0], node->in[0]);
    case OP_ROUTE: return route_macs(graph, node);
    case OP_ROUTED_ATTENTION:
        return 2 * attention_product(graph, node, node->in[0], node->in[3], false);
    case OP_ROUTED_ATTENTION_GRAD: {
        double products = value_present(node->out[1]) || value_present(node->out[2]) ? 5 : 3;
        return products * attention_product(graph, node, node->in[1], node->in[4], false);
    }
    default: return 0;
    }
}

static double value_traffic(const struct graph *graph, value_id id)
{
    return value_present(id) ? (double)value_bytes(&graph->values[id]) : 0;
}

double count_bytes(const struct graph *graph, const struct node *node)
{
    double bytes = 0;
    for (int i = 0; i < NODE_MAX_INPUTS; i++) bytes += value_traffic(graph, node->in[i]);
    for (int i = 0; i < NODE_MAX_OUTPUTS; i++) bytes += value_traffic(graph, node->out[i]);
    if (node->op == OP_ROUTED_ATTENTION || node->op == OP_ROUTED_ATTENTION_GRAD) {
        bool backward = node->op == OP_ROUTED_ATTENTION_GRAD;
        double selected = (double)dims(graph, node->in[backward ? 4 : 3])[2];
        double keys = value_traffic(graph, node->in[1 + backward]) +
                      value_traffic(graph, node->in[2 + backward]);
        bytes += (selected - 1) * keys;
    }
    return bytes;
}

double count_graph_paper_macs(const struct graph *graph, bool training)
{
    double macs = 0;
    for (size_t i = 0; i < graph->forward_node_count; i++) {
        const struct node *node = &graph->nodes[i];
        bool three =
            training && value_present(node->out[0]) && graph->values[node->out[0]].needs_gradient;
        macs += (three ? 3 : 1) * count_paper_macs(graph, node);
    }
    return macs;
}

double count_graph_executed_macs(const struct graph *graph)
{
    double macs = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        macs += count_executed_macs(graph, &graph->nodes[i]);
    return macs;
}

double count_graph_bytes(const struct graph *graph)
{
    double bytes = 0;
    for (size_t i = 0; i < graph->node_count; i++) bytes += count_bytes(graph, &graph->nodes[i]);
    return bytes;
}
