/* The files of kernels/ as CUDA kernels, all of one storage type in one module: MVAD_DOUBLE,
 * MVAD_HALF_STORAGE or MVAD_BF16_STORAGE as in dialect.h. A namespace a file keeps their functions apart; kernels have C
 * names. Numbers that OpenCL programs are compiled with are fixed here, and attention.cl is there once
 * for each usual HEAD, and once more for any other, under names with the number behind. */
#ifdef MVAD_EMULATED_CUDA
#include "tests/cuda/emulation/emulation.h"
#endif
#include "dialect_cuda.h"

#include "dialect.h"

#define LANES 1
#include "lanes.h"

#include "conv.h"

namespace elementwise_file
{
#include "elementwise.cl"
}
namespace maps_file
{
#include "maps.cl"
}
namespace reduce_file
{
#include "reduce.cl"
}
namespace norm_file
{
#include "norm.cl"
}
namespace route_file
{
#include "route.cl"
}
namespace conv_tiled_file
{
#include "conv_tiled.cl"
}
namespace conv_parts_file
{
#include "conv_parts.cl"
}

#define JOIN_NAMES(name, suffix) name##_##suffix
#define JOIN(name, suffix) JOIN_NAMES(name, suffix)
#define attend JOIN(attend, SUFFIX)
#define output_products JOIN(output_products, SUFFIX)
#define query_gradient JOIN(query_gradient, SUFFIX)
#define mark_selected JOIN(mark_selected, SUFFIX)
#define key_gradient JOIN(key_gradient, SUFFIX)

#define HEAD 8
#define SUFFIX 8
namespace attention_8
{
#include "attention.cl"
}
#undef SUFFIX
#undef HEAD

#define HEAD 16
#define SUFFIX 16
namespace attention_16
{
#include "attention.cl"
}
#undef SUFFIX
#undef HEAD

#define HEAD 32
#define SUFFIX 32
namespace attention_32
{
#include "attention.cl"
}
#undef SUFFIX
#undef HEAD

#define HEAD 64
#define SUFFIX 64
namespace attention_64
{
#include "attention.cl"
}
#undef SUFFIX
#undef HEAD

#define HEAD (a.channels / a.heads)
#undef HEAD_ROOM
#define HEAD_ROOM 512
#define SUFFIX any
namespace attention_any
{
#include "attention.cl"
}
