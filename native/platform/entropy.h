// Random bytes from the system, for unique names.
#ifndef SIGHTLINE_PLATFORM_ENTROPY_H_
#define SIGHTLINE_PLATFORM_ENTROPY_H_

#include <cstddef>

#include "core/status.h"

namespace sightline {

// Fills `size` <= 256 bytes; kIo on failure. Not std::random_device: statically linked, it needs a
// newer C library than most systems have.
Status RandomBytes(void* data, size_t size);

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_ENTROPY_H_
