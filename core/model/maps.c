#include "core/model/network.h"

#define COSINE_EPS 1e-8
#define SIGMA 4

void network_anomaly_maps(struct network *network, const struct features *teacher,
                          const struct features *student)
{
    struct graph *graph = network->graph;
    int64_t size = network->config.image_size;
    value_id map = VALUE_NONE;
    graph_scope(graph, "anomaly_map");
    for (int s = 0; s < MVAD_SCALES; s++)
        map = graph_resize(
            graph, graph_cosine_map(graph, teacher->scale[s], student->scale[s], COSINE_EPS), size,
            size, 1.0 / MVAD_SCALES, map);
    graph_output(graph, map, "anomaly_map_raw");
    map = graph_gaussian_blur(graph, map, SIGMA);
    graph_output(graph, map, "anomaly_map");
    graph_output(graph, graph_max(graph, map), "image_score");
}
