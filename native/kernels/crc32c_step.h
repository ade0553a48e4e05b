// CRC-32C by the processor's instruction.
#ifndef SIGHTLINE_KERNELS_CRC32C_STEP_H_
#define SIGHTLINE_KERNELS_CRC32C_STEP_H_

#include <stddef.h>
#include <stdint.h>

namespace sightline {

// Advances the raw (not inverted) CRC register over `size` bytes, any alignment.
using Crc32cStepFn = uint32_t (*)(uint32_t state, const unsigned char* data, size_t size);

// Advances three registers, each over its own `words * 8` bytes; the three are independent, so the
// instruction's latency of three cycles is hidden.
using Crc32cStep3Fn = void (*)(uint32_t state[3], const unsigned char* const data[3], size_t words);

struct Crc32cKernel {
  Crc32cStepFn step;
  Crc32cStep3Fn step3;
};

// Null if this processor has none.
const Crc32cKernel* HardwareCrc32c();

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_CRC32C_STEP_H_
