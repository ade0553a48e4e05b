// "Check before first use": one bit per thing (row, block of links) that says it was checked.
//
// Whoever owns the bytes fills the bits; whoever reads the bytes asks. So a search can refuse
// damaged bytes it is about to use without knowing about files or checksums, and a file need not be
// read whole when it is opened.
#ifndef SIGHTLINE_CORE_LAZY_CHECK_H_
#define SIGHTLINE_CORE_LAZY_CHECK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sightline {

struct LazyCheck {
  // Bit i & 63 of word i >> 6 is set once thing i is trusted. nullptr: everything is trusted.
  const std::atomic<uint64_t>* words = nullptr;
  // Checks thing i (slow path, takes a lock) and remembers it; false: damaged.
  bool (*check)(void* owner, size_t i) = nullptr;
  void* owner = nullptr;

  // Threads  any.
  bool Ok(size_t i) const {
    if (words == nullptr) return true;
    if ((words[i >> 6].load(std::memory_order_acquire) >> (i & 63)) & 1) return true;
    return check(owner, i);
  }
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_LAZY_CHECK_H_
