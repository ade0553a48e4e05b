// Turns a fault in a mapped file into an error instead of the end of the process.
//
// Reading a mapping beyond the end of its file (another program truncated it), or where the disk
// fails, raises SIGBUS. In watched ranges the handler does this instead:
//
//   fault -> the range's flag is set -> zero pages from there to its end -> the read continues
//
// so readers ask Cut() afterwards and discard their result. The stack is not unwound. Any other
// SIGBUS goes to the previous handler.
//
// Several copies of this code in one process (a package loaded twice) have ranges of their own and
// chain their handlers. The library of the handler is never unloaded.
//
// Not handled: a handler that another library installs later and that does not call ours.
#ifndef SIGHTLINE_PLATFORM_FAULT_GUARD_H_
#define SIGHTLINE_PLATFORM_FAULT_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace sightline {

struct WatchedRange;

// Watches one mapping. Move-only; must be destroyed before the mapping.
class FaultGuard {
 public:
  FaultGuard() = default;
  ~FaultGuard() { Release(); }
  FaultGuard(FaultGuard&& other) noexcept;
  FaultGuard& operator=(FaultGuard&& other) noexcept;
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  // Watches [begin, begin + bytes): whole pages of a mapping that was not read yet.
  // writable  for a private copy that may be written.
  // Returns   kNoMemory.
  static Status Watch(unsigned char* begin, size_t bytes, bool writable, FaultGuard* out);

  // Tells where the content ends. Cut() reads there, and so also notices a truncation that no read
  // has met, or that only zeroed the last page, which is no fault.
  // constant  words before `end` do not change.
  // Threads   not concurrently with itself; Cut() may run.
  void SetEnd(const unsigned char* end, bool constant);

  // Whether bytes of the mapping were lost since Watch. Ask after using them: false means that all
  // bytes read before the call were those of the file. Stays true. Cost: two loads. Threads: any.
  bool Cut() const;

 private:
  void Release();

  WatchedRange* range_ = nullptr;
  // Address of a word; the lowest bit is set if the word is zero only when lost.
  std::atomic<uintptr_t> probe_{0};
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_FAULT_GUARD_H_
