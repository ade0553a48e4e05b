// An array that grows under its readers, on a reserved range. New elements are zero bytes.
#ifndef SIGHTLINE_PLATFORM_GROWING_ARRAY_H_
#define SIGHTLINE_PLATFORM_GROWING_ARRAY_H_

#include <cstddef>
#include <type_traits>

#include "platform/reserved_range.h"

namespace sightline {

// Threads  one grower; readers of elements that existed before need no lock. One that keeps data()
//          for later is counted by `readers`.
template <typename T>
class GrowingArray {
  // Also std::atomic of such: its zero bytes are its zero.
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  // Up to `most` elements; takes nothing yet. readers: see ReservedRange.
  Status Reserve(uint64_t most, Epoch* readers = nullptr) {
    return ReservedRange::Reserve(most * sizeof(T), &range_, readers);
  }
  // Elements [0, size) may be used afterwards. data() may be another.
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
