// What cuBLAS and cuSOLVER calls have in common: operands whose extents are checked, and work queued in a
// stream.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "memory.h"
#include "state.h"
#include "stream.h"

namespace hc {

// A column-major matrix, or a batch of them, in memory that the device can use. In bytes except for the
// counts.
struct Operand {
    const char *name;
    const void *base;
    size_t row_bytes; // of one column's used part
    size_t columns;
    size_t pitch; // from column to column
    bool written;
    long long stride = 0; // from matrix to matrix
    size_t batch = 1;

    size_t extent() const {
        return row_bytes && columns ? pitch * (columns - 1) + row_bytes : 0;
    }
};

template <class T>
Operand matrix(const char *name, const T *base, long long rows, long long columns, long long ld,
               bool written = false) {
    bool empty = rows <= 0 || columns <= 0;
    return Operand{name,
                   base,
                   empty ? 0 : static_cast<size_t>(rows) * sizeof(T),
                   static_cast<size_t>(columns),
                   static_cast<size_t>(ld) * sizeof(T),
                   written};
}

template <class T>
Operand vector(const char *name, const T *base, long long n, long long increment, bool written = false) {
    long long step = increment < 0 ? -increment : increment;
    return step == 1 ? matrix(name, base, n, 1, n, written) : matrix(name, base, 1, n, step, written);
}

inline Operand batched(Operand operand, size_t stride_bytes, size_t batch) {
    operand.stride = static_cast<long long>(stride_bytes);
    operand.batch = batch;
    return operand;
}

// Whether all operands lie inside allocations; otherwise a violation that names the call and the operand.
bool operands_good(const char *call, const std::vector<Operand> &operands);
// Tells TSan what the call reads and writes.
void announce(const std::vector<Operand> &operands);

// While one exists, OpenMP (if the process has it) gives this thread no others: device memory may be open to it alone,
// and the BLAS sums in one order.
class OneThread {
  public:
    OneThread();
    ~OneThread();
    OneThread(const OneThread &) = delete;
    OneThread &operator=(const OneThread &) = delete;

  private:
    int before_;
};

// An op that checks its operands when it runs and, if they are good, does the work.
template <class F> std::shared_ptr<Op> library_op(const char *call, std::vector<Operand> operands, F work) {
    return make_op(cudaGraphNodeTypeKernel, call,
                   [call, operands = std::move(operands), work = std::move(work)] {
                       if (!operands_good(call, operands)) {
                           set_sticky_error(cudaErrorIllegalAddress);
                           return;
                       }
                       announce(operands);
                       OneThread alone;
                       work();
                   });
}

} // namespace hc
