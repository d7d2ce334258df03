/* The files of kernels/ as CUDA kernels, all of one storage type in one module: options as in dialect.h. A
 * namespace a file keeps their functions apart; kernels have C names. Numbers that OpenCL programs are
 * compiled with are fixed here. */
#ifdef MVAD_EMULATED_CUDA
#include "tests/cuda/emulation/emulation.h"
#endif
#include "dialect_cuda.h"

#include "dialect.h"

#define LANES 1
#include "lanes.h"

#include "runs.h"

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

/* Any head, which an OpenCL program is compiled for; CUDA's own kernels have the usual ones. */
#define HEAD (a.channels / a.heads)
#define HEAD_ROOM 512
namespace attention_file
{
#include "attention.cl"
}
