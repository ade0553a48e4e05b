// A mapped file that loses bytes while it is in use becomes an error instead of a dead process.
//
// Reading a mapping behind the end of its file (another program cut it), or where the disk fails,
// is SIGBUS. For the ranges that are watched here the signal does this instead:
//
//   fault -> the range's flag is set -> zero pages from there to its end -> the read goes on
//
// so whoever read asks Cut() afterwards and throws away what it computed. Nothing is unwound: no
// jump out of the middle of C++ frames. Every other SIGBUS goes to the handler that was there
// before, as if we were not.
//
// Several copies of this code in one process (a package loaded twice) each have their own ranges
// and chain to each other. The library that holds the handler is never unloaded, although Node
// unloads an addon with the last worker thread that used it.
//
// Not handled: a handler that another library sets after us and that does not call ours.
#ifndef SIGHTLINE_PLATFORM_FAULT_GUARD_H_
#define SIGHTLINE_PLATFORM_FAULT_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace sightline {

struct WatchedRange;

// Watches one mapping. Move-only; ends the watch when it goes, which must be before the mapping
// does.
class FaultGuard {
 public:
  FaultGuard() = default;
  ~FaultGuard() { Release(); }
  FaultGuard(FaultGuard&& other) noexcept;
  FaultGuard& operator=(FaultGuard&& other) noexcept;
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  // Watches [begin, begin + bytes), whole pages of one mapping that is not read yet.
  // writable  a private copy that may be written.
  // Returns   kNoMemory.
  static Status Watch(unsigned char* begin, size_t bytes, bool writable, FaultGuard* out);

  // Says where the file's content ends: Cut() looks there, and so also sees a cut that took rows
  // which nobody has met yet, or that only left zeros in the last page, which is no fault.
  // constant  words before `end` do not change while they count.
  // Threads   not together with itself; Cut() may run.
  void SetEnd(const unsigned char* end, bool constant);

  // Whether bytes of the mapping were lost since Watch. To be asked after they were used: a false
  // means that everything read before this call was the file's. Stays true.
  // Cost     two loads, one of them of the mapping's end. Threads: any.
  bool Cut() const;

 private:
  void Release();

  WatchedRange* range_ = nullptr;
  // A word of the mapping; the lowest bit is set if it can only be zero when it was lost.
  std::atomic<uintptr_t> probe_{0};
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_FAULT_GUARD_H_
