#include "format/crc32c.h"

#include <array>

#include "kernels/crc32c_step.h"

namespace sightline {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli's, bit-reflected

using Table = std::array<uint32_t, 256>;

// tables[j][b]: the register after byte b followed by j zero bytes, from an empty register.
constexpr std::array<Table, 8> MakeTables() {
  std::array<Table, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t state = byte;
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) ? kPolynomial : 0);
    tables[0][byte] = state;
  }
  for (size_t j = 1; j < 8; ++j) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[j - 1][byte];
      tables[j][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
constexpr std::array<Table, 8> kTables = MakeTables();

// Bytes per stream of one three-way round: 3 * 2 KiB stay in the first cache level, and joining
// costs eight look-ups a round.
constexpr size_t kStream = 2048;

// shift[j][b]: what byte j of a register becomes after kStream zero bytes. The step is linear over
// GF(2), so a register moves by the XOR of its four bytes' entries.
constexpr std::array<Table, 4> MakeShift() {
  std::array<uint32_t, 32> moved{};  // of each single bit
  for (int bit = 0; bit < 32; ++bit) {
    uint32_t state = uint32_t{1} << bit;
    for (size_t i = 0; i < kStream; ++i) state = (state >> 8) ^ kTables[0][state & 0xff];
    moved[bit] = state;
  }
  std::array<Table, 4> shift{};
  for (int j = 0; j < 4; ++j) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      for (int bit = 0; bit < 8; ++bit) {
        if ((byte >> bit) & 1) shift[j][byte] ^= moved[8 * j + bit];
      }
    }
  }
  return shift;
}
constexpr std::array<Table, 4> kShift = MakeShift();

uint32_t ShiftByStream(uint32_t state) {
  return kShift[0][state & 0xff] ^ kShift[1][(state >> 8) & 0xff] ^
         kShift[2][(state >> 16) & 0xff] ^ kShift[3][state >> 24];
}

uint32_t Little32(const unsigned char* data) {
  return static_cast<uint32_t>(data[0]) | static_cast<uint32_t>(data[1]) << 8 |
         static_cast<uint32_t>(data[2]) << 16 | static_cast<uint32_t>(data[3]) << 24;
}

}  // namespace

// Eight bytes a step ("slicing by eight"): eight independent look-ups instead of eight dependent.
uint32_t Crc32cPortable(const void* data, size_t size, uint32_t seed) {
  const unsigned char* bytes = static_cast<const unsigned char*>(data);
  uint32_t state = ~seed;
  for (; size >= 8; size -= 8, bytes += 8) {
    const uint32_t low = state ^ Little32(bytes);
    const uint32_t high = Little32(bytes + 4);
    state = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^
            kTables[5][(low >> 16) & 0xff] ^ kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^
            kTables[2][(high >> 8) & 0xff] ^ kTables[1][(high >> 16) & 0xff] ^
            kTables[0][high >> 24];
  }
  for (; size > 0; --size, ++bytes) state = (state >> 8) ^ kTables[0][(state ^ *bytes) & 0xff];
  return ~state;
}

uint32_t Crc32c(const void* data, size_t size, uint32_t seed) {
  static const Crc32cKernel* const hardware = HardwareCrc32c();
  if (hardware == nullptr) return Crc32cPortable(data, size, seed);
  const unsigned char* bytes = static_cast<const unsigned char*>(data);
  uint32_t state = ~seed;
  for (; size >= 3 * kStream; size -= 3 * kStream, bytes += 3 * kStream) {
    // The second and third start empty; the parts before them are moved over them afterwards.
    uint32_t states[3] = {state, 0, 0};
    const unsigned char* const streams[3] = {bytes, bytes + kStream, bytes + 2 * kStream};
    hardware->step3(states, streams, kStream / 8);
    state = ShiftByStream(ShiftByStream(states[0]) ^ states[1]) ^ states[2];
  }
  return ~hardware->step(state, bytes, size);
}

// A checksum is linear: what the first stretch adds to the second one's is what it adds to zeros.
uint32_t Crc32cJoin(uint32_t first, uint32_t second, size_t second_bytes) {
  static constexpr unsigned char kZeros[4096] = {};
  uint32_t with = first;
  uint32_t without = 0;
  for (size_t left = second_bytes; left > 0;) {
    const size_t n = left < sizeof(kZeros) ? left : sizeof(kZeros);
    with = Crc32c(kZeros, n, with);
    without = Crc32c(kZeros, n, without);
    left -= n;
  }
  return with ^ without ^ second;
}

}  // namespace sightline
