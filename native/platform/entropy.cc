#include "platform/entropy.h"

#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "platform/file.h"

namespace sightline {

Status RandomBytes(void* data, size_t size) {
  return getentropy(data, size) == 0 ? Status::Ok() : ErrnoStatus("read", "system randomness");
}

}  // namespace sightline
