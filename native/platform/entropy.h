// Random bytes from the system, for names that must not repeat.
#ifndef SIGHTLINE_PLATFORM_ENTROPY_H_
#define SIGHTLINE_PLATFORM_ENTROPY_H_

#include <cstddef>

#include "core/status.h"

namespace sightline {

// Fills `size` <= 256 bytes. Returns kIo when the system has none to give.
// Not std::random_device: linked in statically it asks for a C library newer than most systems
// have.
Status RandomBytes(void* data, size_t size);

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_ENTROPY_H_
