// Repeats a system call that may transfer fewer bytes than requested, or be interrupted.
#ifndef SIGHTLINE_PLATFORM_TRANSFER_H_
#define SIGHTLINE_PLATFORM_TRANSFER_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace sightline {

// Calls `call(done, size - done)`, which returns the bytes transferred, 0 at the end, or -1 with
// errno, until all are transferred, none more come, or it fails. Separate from File, so that tests
// can simulate a slow, interrupted or full system. Returns false on failure; sets *done in both
// cases.
template <typename Call>
bool TransferAll(size_t size, size_t* done, const Call& call) {
  *done = 0;
  while (*done < size) {
    const auto moved = call(*done, size - *done);
    if (moved < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (moved == 0) return true;
    *done += static_cast<size_t>(moved);
  }
  return true;
}

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_TRANSFER_H_
