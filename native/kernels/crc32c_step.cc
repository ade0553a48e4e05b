// CRC-32C by instruction: SSE4.2 on x86-64, the CRC extension on aarch64. Reads nothing beyond the
// last byte; no alignment assumed; exact.
#include "kernels/crc32c_step.h"

#include <string.h>

#include "kernels/tables.h"
#include "platform/cpu.h"

#if defined(SL_X86_64)
#include <nmmintrin.h>
#define SL_TARGET __attribute__((target("sse4.2")))
#elif defined(SL_AARCH64) && defined(__GNUC__)
#define SL_TARGET __attribute__((target("+crc")))
#endif

namespace sightline {

#ifdef SL_TARGET
namespace {

#ifdef SL_X86_64
SL_TARGET inline uint32_t Byte(uint32_t state, unsigned char value) {
  return _mm_crc32_u8(state, value);
}
SL_TARGET inline uint32_t Word(uint32_t state, uint64_t value) {
  return static_cast<uint32_t>(_mm_crc32_u64(state, value));
}
#else
// Written out, because older headers of this architecture hide the intrinsics behind a build flag.
SL_TARGET inline uint32_t Byte(uint32_t state, unsigned char value) {
  __asm__("crc32cb %w0, %w0, %w1" : "+r"(state) : "r"(value));
  return state;
}
SL_TARGET inline uint32_t Word(uint32_t state, uint64_t value) {
  __asm__("crc32cx %w0, %w0, %x1" : "+r"(state) : "r"(value));
  return state;
}
#endif

inline uint64_t Load(const unsigned char* data) {
  uint64_t value;
  memcpy(&value, data, sizeof(value));
  return value;
}

SL_TARGET uint32_t Step(uint32_t state, const unsigned char* data, size_t size) {
  for (; size >= 8; size -= 8, data += 8) state = Word(state, Load(data));
  for (; size > 0; --size, ++data) state = Byte(state, *data);
  return state;
}

SL_TARGET void Step3(uint32_t state[3], const unsigned char* const data[3], size_t words) {
  uint32_t a = state[0];
  uint32_t b = state[1];
  uint32_t c = state[2];
  for (size_t i = 0; i < words; ++i) {
    a = Word(a, Load(data[0] + 8 * i));
    b = Word(b, Load(data[1] + 8 * i));
    c = Word(c, Load(data[2] + 8 * i));
  }
  state[0] = a;
  state[1] = b;
  state[2] = c;
}

constexpr Crc32cKernel kKernel = {Step, Step3};

}  // namespace
#endif

const Crc32cKernel* HardwareCrc32c() {
#if defined(SL_X86_64)
  return Cpu().sse42 ? &kKernel : nullptr;
#elif defined(SL_TARGET)
  return Cpu().arm_crc32 ? &kKernel : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace sightline
