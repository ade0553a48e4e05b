// Check before first use: one bit per item (row, block of links) that was checked. The owner of the
// bytes sets the bits, readers ask. So a search refuses damaged bytes without knowing files or
// checksums, and opening need not read the whole file.
#ifndef SIGHTLINE_CORE_LAZY_CHECK_H_
#define SIGHTLINE_CORE_LAZY_CHECK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sightline {

struct LazyCheck {
  // Bit i & 63 of word i >> 6 is set once item i is trusted. nullptr: all are trusted.
  const std::atomic<uint64_t>* words = nullptr;
  // Checks item i (slow path, takes a lock) and sets its bit; false: damaged.
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
