// Distance kernels: one table per instruction set, chosen once at load.
//
// A kernel table is chosen by ChooseKernels() after checking the processor, that the operating
// system saves the registers, and that the table agrees with scalar on a self-check. Indexes keep
// the pointer; loops never ask again. `SIGHTLINE_KERNEL=scalar|avx2|avx512|neon|wasm` forces one: an
// unknown or unsupported name is kCpuUnsupported, not a fallback. Empty means not set.
#ifndef SIGHTLINE_KERNELS_KERNELS_H_
#define SIGHTLINE_KERNELS_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "kernels/kernel_table.h"

namespace sightline {

// On disk: never renumber.
enum class Metric : uint32_t { kCosine = 0, kEuclidean = 1, kDot = 2 };

// The table in use, or why there is none. Thread safe; the choice is made once per process.
Status ChooseKernels(const KernelTable** out);

// The rule behind ChooseKernels(), asked again on every call: `forced` is the wanted name, or null
// or empty for the best supported table that passes the self-check. For tests.
Status SelectKernels(const char* forced, const KernelTable** out);

// Every table compiled in, best first, whether or not this machine can run it; for tests.
// `Supported` tells whether this machine can.
size_t AllKernels(const KernelTable* const** out);
bool Supported(const KernelTable& table);

// Whether `table` agrees with scalar within the stated error on a fixed set of vectors.
bool PassesSelfCheck(const KernelTable& table);

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_KERNELS_H_
