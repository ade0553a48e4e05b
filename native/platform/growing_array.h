// An array that grows while it is read, on a ReservedRange. New elements are zero bytes.
#ifndef SIGHTLINE_PLATFORM_GROWING_ARRAY_H_
#define SIGHTLINE_PLATFORM_GROWING_ARRAY_H_

#include <cstddef>
#include <type_traits>

#include "platform/reserved_range.h"

namespace sightline {

// Threads  one writer; readers of existing elements need no lock. A reader that keeps data() is
//          counted by `readers`.
template <typename T>
class GrowingArray {
  // Includes std::atomic, whose zero bytes are its zero.
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  // At most `most` elements; allocates nothing yet. readers: see ReservedRange.
  Status Reserve(uint64_t most, Epoch* readers = nullptr) {
    return ReservedRange::Reserve(most * sizeof(T), &range_, readers);
  }
  // Makes elements [0, size) usable. data() may change.
  Status Grow(uint64_t size) { return range_.Commit(size * sizeof(T)); }

  T* data() const { return reinterpret_cast<T*>(range_.data()); }
  T& operator[](size_t i) const { return data()[i]; }
  size_t committed_bytes() const { return range_.committed(); }
  ReservedRange& range() { return range_; }
  const ReservedRange& range() const { return range_; }

 private:
  ReservedRange range_;
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_GROWING_ARRAY_H_
