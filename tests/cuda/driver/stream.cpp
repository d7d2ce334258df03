#include "stream.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>

std::recursive_mutex driver_mutex;

namespace
{

double now()
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

} // namespace

CUresult injected_error(const char *function)
{
    const char *list = getenv("MVAD_EMULATED_FAIL");
    const size_t length = strlen(function);
    while (list && *list) {
        if (!strncmp(list, function, length) && list[length] == '=')
            return static_cast<CUresult>(atoi(list + length + 1));
        list = strchr(list, ',');
        if (list) list++;
    }
    return CUDA_SUCCESS;
}

CUresult stream_enqueue(CUstream stream, Work work)
{
    if (stream->capture) {
        stream->capture->work.push_back(std::move(work));
        return CUDA_SUCCESS;
    }
    stream->waiting.push_back(std::move(work));
    stream->enqueued++;
    return CUDA_SUCCESS;
}

CUresult stream_run_to(CUstream stream, uint64_t place)
{
    while (stream->done < place) {
        const Work work = std::move(stream->waiting.front());
        stream->waiting.pop_front();
        stream->done++;
        if (!stream->context->error) stream->context->error = work();
    }
    return stream->context->error;
}

CUresult context_finish(Context *context)
{
    for (CUstream stream : context->streams) stream_run_to(stream, stream->enqueued);
    return context->error;
}

/* ---- the driver's functions ---- */

#define BEGIN(function)                                                              \
    const std::lock_guard<std::recursive_mutex> lock(driver_mutex);                  \
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;                       \
    if (current_context()->error) return current_context()->error;                   \
    if (const CUresult injected = injected_error(#function)) return injected

extern "C" {

CUresult cuStreamCreate(CUstream *stream, unsigned)
{
    BEGIN(cuStreamCreate);
    *stream = new CUstream_st{current_context(), {}, 0, 0, nullptr, false};
    current_context()->streams.push_back(*stream);
    return CUDA_SUCCESS;
}

CUresult cuStreamDestroy(CUstream stream)
{
    BEGIN(cuStreamDestroy);
    stream_run_to(stream, stream->enqueued);
    std::vector<CUstream> &all = stream->context->streams;
    all.erase(std::find(all.begin(), all.end(), stream));
    delete stream;
    return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream stream)
{
    BEGIN(cuStreamSynchronize);
    if (stream->capture) {
        stream->capture_failed = true;
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return stream_run_to(stream, stream->enqueued);
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned)
{
    BEGIN(cuStreamWaitEvent);
    CUstream other = event->stream;
    const uint64_t place = event->place;
    if (!other) return CUDA_SUCCESS; /* never recorded */
    return stream_enqueue(stream, [other, place] { return stream_run_to(other, place); });
}

CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode)
{
    BEGIN(cuStreamBeginCapture);
    if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
    stream->capture = new CUgraph_st;
    stream->capture_failed = false;
    return CUDA_SUCCESS;
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    BEGIN(cuStreamEndCapture);
    if (!stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
    *graph = stream->capture_failed ? nullptr : stream->capture;
    if (stream->capture_failed) delete stream->capture;
    stream->capture = nullptr;
    return *graph ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
}

CUresult cuEventCreate(CUevent *event, unsigned)
{
    BEGIN(cuEventCreate);
    *event = new CUevent_st{nullptr, 0, 0};
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event)
{
    BEGIN(cuEventDestroy);
    if (event->stream) stream_run_to(event->stream, event->place);
    delete event;
    return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
    BEGIN(cuEventRecord);
    event->stream = stream;
    stream_enqueue(stream, [event] {
        event->seconds = now();
        return CUDA_SUCCESS;
    });
    event->place = stream->enqueued;
    return CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent event)
{
    BEGIN(cuEventSynchronize);
    return event->stream ? stream_run_to(event->stream, event->place) : CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
    BEGIN(cuEventElapsedTime);
    if (!start->stream || !end->stream) return CUDA_ERROR_INVALID_HANDLE;
    if (end->stream->done < end->place) return CUDA_ERROR_NOT_READY;
    *milliseconds = static_cast<float>((end->seconds - start->seconds) * 1e3);
    return CUDA_SUCCESS;
}

CUresult cuGraphInstantiate(CUgraphExec *executable, CUgraph graph, unsigned long long)
{
    BEGIN(cuGraphInstantiate);
    *executable = new CUgraphExec_st{graph->work};
    current_context()->executables.push_back(*executable);
    return CUDA_SUCCESS;
}

CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream)
{
    BEGIN(cuGraphLaunch);
    return stream_enqueue(stream, [executable] {
        for (const Work &work : executable->work)
            if (const CUresult code = work()) return code;
        return CUDA_SUCCESS;
    });
}

CUresult cuGraphExecDestroy(CUgraphExec executable)
{
    BEGIN(cuGraphExecDestroy);
    context_finish(current_context());
    std::vector<CUgraphExec> &all = current_context()->executables;
    all.erase(std::remove(all.begin(), all.end(), executable), all.end());
    delete executable;
    return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph graph)
{
    BEGIN(cuGraphDestroy);
    delete graph;
    return CUDA_SUCCESS;
}
}
