// CRC-32C (Castagnoli), the checksum of every Sightline file. Pure: bytes in, number out.
#ifndef SIGHTLINE_FORMAT_CRC32C_H_
#define SIGHTLINE_FORMAT_CRC32C_H_

#include <cstddef>
#include <cstdint>

namespace sightline {

// Checksum of `size` bytes; Crc32c("123456789", 9) == 0xe3069283. `data` may be null if size is 0.
// seed     the checksum of the bytes before, so that
//          Crc32c(b, nb, Crc32c(a, na)) is the checksum of a followed by b.
// Threads  any. Cost: about 20 GB/s with the processor's instruction, 1-2 GB/s by table.
uint32_t Crc32c(const void* data, size_t size, uint32_t seed = 0);

// The checksum of two stretches of bytes, one behind the other, from theirs. Costs what computing
// it of twice the second one does.
uint32_t Crc32cJoin(uint32_t first, uint32_t second, size_t second_bytes);

// Whether bytes have the checksum that is stored for them: the one place that decides. In the build
// for fuzzing always, because a fuzzer cannot guess checksums and would never get past them.
inline bool CrcMatches(uint32_t computed, uint32_t stored) {
#ifdef SIGHTLINE_FUZZING
  (void)computed;
  (void)stored;
  return true;
#else
  return computed == stored;
#endif
}

// The table form that Crc32c() uses where the processor has no instruction; for tests.
uint32_t Crc32cPortable(const void* data, size_t size, uint32_t seed = 0);

}  // namespace sightline

#endif  // SIGHTLINE_FORMAT_CRC32C_H_
