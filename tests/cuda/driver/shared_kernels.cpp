/* The kernels of kernels/shared.cu, for one type, by the names MODULE:KERNEL. */
#include "kernels/shared.cu"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
#define REGISTER_AS(file, name, text)                                               \
    static const emulation::Kernel registered_##file##_##name(TEXT(MODULE) ":" text, file::name)
#define REGISTER(file, name) REGISTER_AS(file, name, #name)

REGISTER(elementwise_file, add);
REGISTER(elementwise_file, add_wide);
REGISTER(elementwise_file, relu);
REGISTER(elementwise_file, relu_grad);
REGISTER(elementwise_file, narrow);
REGISTER(elementwise_file, fill);
REGISTER(elementwise_file, dropout);
REGISTER(elementwise_file, drop_path);
REGISTER(maps_file, max_pool);
REGISTER(maps_file, window_mean);
REGISTER(maps_file, cosine_map);
REGISTER(maps_file, cosine_map_runs);
REGISTER(maps_file, resize);
REGISTER(maps_file, blur_weights);
REGISTER(maps_file, blur_columns);
REGISTER(maps_file, blur_rows);
REGISTER(maps_file, max_pieces);
REGISTER(maps_file, max_images);
REGISTER(reduce_file, squared_differences);
REGISTER(reduce_file, squares);
REGISTER(reduce_file, mse_finish);
REGISTER(reduce_file, norm_finish);
REGISTER(reduce_file, mse_grad);
REGISTER(reduce_file, adamw);
REGISTER(norm_file, moments_of_pieces);
REGISTER(norm_file, join_moments);
REGISTER(norm_file, normalise);
REGISTER(norm_file, batch_norm_grad_pieces);
REGISTER(norm_file, join_gradients);
REGISTER(norm_file, batch_norm_grad);
REGISTER(norm_file, layer_norm);
REGISTER(norm_file, layer_norm_grad_pieces);
REGISTER(norm_file, layer_norm_grad);
REGISTER(route_file, correlate);
REGISTER(route_file, correlate_tiled);
REGISTER(route_file, select_windows);
REGISTER(conv_tiled_file, conv_tiled);
REGISTER(conv_tiled_file, weight_gradient_tiled);
REGISTER(conv_parts_file, gather_columns);
REGISTER(conv_parts_file, epilogue);
REGISTER(conv_parts_file, add_pieces);
REGISTER(conv_parts_file, sum_rows);
REGISTER(attention_file, attend);
REGISTER(attention_file, output_products);
REGISTER(attention_file, query_gradient);
REGISTER(attention_file, mark_selected);
REGISTER(attention_file, key_gradient);
