// Memory that is short in the middle of a write.
#ifndef SIGHTLINE_INDEX_CAUGHT_H_
#define SIGHTLINE_INDEX_CAUGHT_H_

#include <new>

#include "core/status.h"

namespace sightline {

// What `write` throws is what it returns: see whether anything was written then.
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
