// Lazy streams: work is queued and runs only when somebody waits for it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cuda_runtime_api.h"
#include "sanitizers.h"

namespace hc {

// A piece of work: a kernel, a copy, a library call. Shared by the queue, graphs and executable graphs, hence
// const.
class Op {
  public:
    Op(cudaGraphNodeType type, std::string name) : type_(type), name_(std::move(name)) {}
    virtual ~Op() {
        tsan_acquire(this);
    }
    Op(const Op &) = delete;
    Op &operator=(const Op &) = delete;
    virtual void run() const = 0;

    cudaGraphNodeType type() const {
        return type_;
    }
    const std::string &name() const {
        return name_;
    }

    std::string not_in_capture; // why the op cannot be captured at all; empty when it can
    std::string not_in_body;    // why it cannot be in the body of a conditional node
    cudaError_t capture_error = cudaErrorStreamCaptureUnsupported; // what capturing it answers

  private:
    cudaGraphNodeType type_;
    std::string name_;
};

template <class F> class LambdaOp : public Op {
  public:
    LambdaOp(cudaGraphNodeType type, std::string name, F f) : Op(type, std::move(name)), f_(std::move(f)) {}
    ~LambdaOp() override {
        tsan_acquire(this);
    } // before f_ goes, which the base's destructor would come too late for
    void run() const override {
        f_();
    }

  private:
    F f_;
};

template <class F> std::shared_ptr<Op> make_op(cudaGraphNodeType type, std::string name, F f) {
    return std::make_shared<LambdaOp<F>>(type, std::move(name), std::move(f));
}

struct Capture;

} // namespace hc

struct CUstream_st {
    unsigned long serial = 0;
    int device = 0;
    bool blocking = true; // takes part in the legacy stream's ordering
    bool legacy = false;
    bool destroyed = false;
    unsigned long issued = 0; // tickets handed out
    unsigned long done = 0;   // tickets completed
    std::deque<std::shared_ptr<hc::Op>> queue;
    void *tsan = nullptr;
    hc::Capture *capture = nullptr;
    std::vector<cudaGraphNode_t> frontier; // capture: what the next node depends on
    std::vector<cudaGraphNode_t> reported; // storage for cudaStreamGetCaptureInfo
    ~CUstream_st();
};

namespace hc {

using Stream = CUstream_st;

// The stream of a handle (null: the current device's legacy stream); null when the handle is not valid.
std::shared_ptr<Stream> stream_of(cudaStream_t handle);

// Queues the op, or adds it to the capture that the stream is in.
cudaError_t submit(cudaStream_t stream, std::shared_ptr<Op> op);
// Queues without looking at captures; returns the op's ticket.
unsigned long enqueue(const std::shared_ptr<Stream> &stream, std::shared_ptr<Op> op);

void run_until(const std::shared_ptr<Stream> &stream, unsigned long ticket);
// The host waits for the stream: runs its work and takes its results over.
void wait_for(const std::shared_ptr<Stream> &stream);
void wait_for_everything();
// Runs one op; returns whether work is left.
bool make_progress(const std::shared_ptr<Stream> &stream);
void make_wait(const std::shared_ptr<Stream> &waiter, const std::shared_ptr<Stream> &other,
               unsigned long ticket);

bool in_host_callback();
void forget_streams();

// Capture (capture.cpp). The first two return the error that the call must answer with, after invalidating
// the captures concerned; `what` names the forbidden thing.
cudaError_t refuse_in_capture(const char *what);
cudaError_t refuse_legacy_in_capture(const Stream &stream, const char *what);
cudaError_t refuse_for_stream(Stream &stream, const char *what);
cudaError_t capture_op(Stream &stream, std::shared_ptr<Op> op);
void invalidate_capture(Stream &stream);

} // namespace hc
