// Aligned, move-only memory for rows, links and scratch.
#ifndef SIGHTLINE_CORE_ALIGNED_H_
#define SIGHTLINE_CORE_ALIGNED_H_

#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

namespace sightline {

inline constexpr size_t kCacheLine = 64;

inline constexpr size_t RoundUp(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// `size` zeroed elements whose first byte is aligned to `alignment` (a power of two).
// Throws std::bad_alloc, also when the byte count would wrap.
template <typename T>
class AlignedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t size, size_t alignment = kCacheLine)
      : size_(size), alignment_(alignment) {
    if (size == 0) return;
    if (size > (std::numeric_limits<size_t>::max() - kCacheLine) / sizeof(T)) {
      throw std::bad_alloc();
    }
    data_ = static_cast<T*>(::operator new(size * sizeof(T), std::align_val_t(alignment)));
    std::memset(static_cast<void*>(data_), 0, size * sizeof(T));
  }
  ~AlignedArray() { Release(); }

  AlignedArray(AlignedArray&& other) noexcept { Swap(other); }
  AlignedArray& operator=(AlignedArray&& other) noexcept {
    AlignedArray taken(std::move(other));
    Swap(taken);
    return *this;
  }
  AlignedArray(const AlignedArray&) = delete;
  AlignedArray& operator=(const AlignedArray&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  void Release() {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t(alignment_));
    data_ = nullptr;
  }
  void Swap(AlignedArray& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(alignment_, other.alignment_);
  }

  T* data_ = nullptr;
  size_t size_ = 0;
  size_t alignment_ = kCacheLine;
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_ALIGNED_H_
