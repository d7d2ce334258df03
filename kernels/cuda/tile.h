/* Numbers that the host and the kernels of tile.cuh share. */
#ifndef KERNELS_CUDA_TILE_H
#define KERNELS_CUDA_TILE_H

enum {
    CUDA_TILE_THREADS = 128,     /* of a block */
    CUDA_TILE_STAGES = 3,        /* tiles in shared memory at a time */
    CUDA_TILE_DEPTH_BYTES = 64,  /* of the terms of a line in a tile */
    CUDA_TILE_COLUMNS = 64,
    CUDA_TILE_ROWS_SMALL = 64,
    CUDA_TILE_ROWS_LARGE = 128
};

/* Bytes of shared memory of a block; as Tile counts them. */
static inline unsigned cuda_tile_shared_bytes(unsigned element_bytes, unsigned rows, int left_by_lines,
                                              int right_by_lines)
{
    const unsigned depth = CUDA_TILE_DEPTH_BYTES / element_bytes, columns = CUDA_TILE_COLUMNS;
    const unsigned left = left_by_lines ? rows * (CUDA_TILE_DEPTH_BYTES + 16)
                                        : depth * (rows + 8) * element_bytes;
    const unsigned right = right_by_lines ? columns * (CUDA_TILE_DEPTH_BYTES + 16)
                                          : depth * (columns + 8) * element_bytes;
    return (left + right) * CUDA_TILE_STAGES;
}

#endif
