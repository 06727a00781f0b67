// See library_call.h.
#include "library_call.h"

extern "C" {
__attribute__((weak)) int omp_get_max_threads(void);
__attribute__((weak)) void omp_set_num_threads(int threads);
}

namespace hc {
namespace {

bool matrix_good(const char *call, const Operand &o, size_t member) {
    const char *base = static_cast<const char *>(o.base) + o.stride * static_cast<long long>(member);
    std::string why;
    if (device_range(base, o.extent(), &why)) {
        return true;
    }
    violation("%s: operand %s (%zu columns of %zu bytes, %zu bytes apart%s): %s", call, o.name, o.columns,
              o.row_bytes, o.pitch,
              member ? (", matrix " + std::to_string(member) + " of the batch").c_str() : "", why.c_str());
    return false;
}

} // namespace

bool operands_good(const char *call, const std::vector<Operand> &operands) {
    for (const Operand &o : operands) {
        for (size_t member = 0; member < o.batch; member++) {
            if (o.extent() > 0 && !matrix_good(call, o, member)) {
                return false;
            }
        }
    }
    return true;
}

void announce(const std::vector<Operand> &operands) {
    if (!tsan()) {
        return;
    }
    for (const Operand &o : operands) {
        for (size_t member = 0; member < o.batch; member++) {
            const char *base = static_cast<const char *>(o.base) + o.stride * static_cast<long long>(member);
            for (size_t column = 0; o.row_bytes && column < o.columns; column++) {
                (o.written ? tsan_writes : tsan_reads)(base + column * o.pitch, o.row_bytes);
            }
        }
    }
}

OneThread::OneThread() : before_(0) {
    if (omp_get_max_threads && omp_set_num_threads) {
        before_ = omp_get_max_threads();
        omp_set_num_threads(1);
    }
}

OneThread::~OneThread() {
    if (before_ > 0) {
        omp_set_num_threads(before_);
    }
}

} // namespace hc
