// Little-endian numbers in byte arrays. Pure.
#ifndef SIGHTLINE_FORMAT_BYTES_H_
#define SIGHTLINE_FORMAT_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace sightline {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Files are little-endian and mapped as they are: a big-endian machine needs another reader."
#endif

template <typename T>
inline T GetLe(const unsigned char* bytes, size_t offset) {
  static_assert(std::is_integral_v<T>);
  T value;
  std::memcpy(&value, bytes + offset, sizeof(T));
  return value;
}

template <typename T>
inline void PutLe(unsigned char* bytes, size_t offset, T value) {
  static_assert(std::is_integral_v<T>);
  std::memcpy(bytes + offset, &value, sizeof(T));
}

inline bool AllBytesAre(const unsigned char* bytes, size_t size, unsigned char value) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

}  // namespace sightline

#endif  // SIGHTLINE_FORMAT_BYTES_H_
