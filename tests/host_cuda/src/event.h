// What a recorded event leaves behind: shared, because the event may be recorded again or destroyed
// meanwhile.
#pragma once

#include <memory>

#include "stream.h"

namespace hc {

struct Record {
    std::shared_ptr<Stream> stream;
    unsigned long ticket = 0;
    bool done = false;
    double when = 0.0; // seconds, monotonic
};

} // namespace hc
