/* Matrix products of CLBlast. */
#include <clblast_c.h>

#include "backends/opencl/opencl.h"

static CLBlastTranspose transpose(const struct launch_operand *operand)
{
    return operand->transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

mvad_status opencl_product_run(struct opencl_device *device, cl_command_queue queue,
                               const struct launch_product *product, cl_event *event,
                               mvad_error *error)
{
    const struct launch_operand *a = &product->a, *b = &product->b, *c = &product->c;
    const size_t rows = (size_t)product->rows, columns = (size_t)product->columns;
    const size_t depth = (size_t)product->depth;
    CLBlastStatusCode code;
    if (c->dtype == DTYPE_F64)
        code = CLBlastDgemm(CLBlastLayoutRowMajor, transpose(a), transpose(b), rows, columns, depth,
                            1, a->buffer, a->begin, (size_t)a->stride, b->buffer, b->begin,
                            (size_t)b->stride, product->accumulate ? 1 : 0, c->buffer, c->begin,
                            (size_t)c->stride, &queue, event);
    else
        code = CLBlastSgemm(CLBlastLayoutRowMajor, transpose(a), transpose(b), rows, columns, depth,
                            1, a->buffer, a->begin, (size_t)a->stride, b->buffer, b->begin,
                            (size_t)b->stride, product->accumulate ? 1 : 0, c->buffer, c->begin,
                            (size_t)c->stride, &queue, event);
    /* CLBlast passes OpenCL's codes on and has its own below -1000. */
    return code ? opencl_fail(device, "matrix product (CLBlast)", (cl_int)code, error) : MVAD_OK;
}

void opencl_product_forget(void)
{
    CLBlastClearCache();
}
