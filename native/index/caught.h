// Running out of memory during a write.
#ifndef SIGHTLINE_INDEX_CAUGHT_H_
#define SIGHTLINE_INDEX_CAUGHT_H_

#include <new>

#include "core/status.h"

namespace sightline {

// Converts exceptions of `write` to a status; the caller checks what was written.
template <typename Write>
Status Caught(const Write& write) {
  try {
    return write();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kNoMemory, "no memory");
  }
}

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_CAUGHT_H_
