// Distance kernels: one table per instruction set, chosen once per process.
//
// A table is eligible if the processor and the operating system support it and it agrees with
// scalar on a self-check. `SIGHTLINE_KERNEL=scalar|avx2|avx512|neon|wasm` forces one: an unknown or
// unsupported name is kCpuUnsupported, not a fallback. Empty means not set.
#ifndef SIGHTLINE_KERNELS_KERNELS_H_
#define SIGHTLINE_KERNELS_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "kernels/kernel_table.h"

namespace sightline {

// On disk: never renumber.
enum class Metric : uint32_t { kCosine = 0, kEuclidean = 1, kDot = 2 };

// The table in use, or why there is none. Threads: any.
Status ChooseKernels(const KernelTable** out);

// The rule of ChooseKernels(), without its cache: `forced` is a name; null or empty selects the
// best eligible table. For tests.
Status SelectKernels(const char* forced, const KernelTable** out);

// Every compiled table, best first, whether or not this machine supports it; for tests.
size_t AllKernels(const KernelTable* const** out);
bool Supported(const KernelTable& table);

// Whether `table` agrees with scalar, within the stated error, on a fixed set of vectors.
bool PassesSelfCheck(const KernelTable& table);

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_KERNELS_H_
