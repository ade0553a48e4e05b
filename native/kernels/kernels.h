// Distance kernels: one table per instruction set, chosen once at load.
//
// A kernel table is chosen by ChooseKernels() after checking the processor, that the operating
// system saves the registers, and that the table agrees with scalar on a self-check. Indexes keep
// the pointer; loops never ask again. `SIGHTLINE_KERNEL=scalar|avx2|avx512|neon` forces one: an
// unknown or unsupported name is kCpuUnsupported, not a fallback.
#ifndef SIGHTLINE_KERNELS_KERNELS_H_
#define SIGHTLINE_KERNELS_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace sightline {

// On disk: never renumber.
enum class Metric : uint32_t { kCosine = 0, kEuclidean = 1, kDot = 2 };

// Pair of vectors of `dim` floats, any alignment; nothing beyond the last float is read.
using PairFn = float (*)(const float* a, const float* b, size_t dim);

// out[i] = fn(query, row rows[i]) for i < n; row r starts at base + r * stride bytes.
// Prefetches rows ahead. `rows == nullptr` means rows 0..n-1.
using ManyFn = void (*)(const float* query, const unsigned char* base, size_t stride,
                        const uint32_t* rows, size_t n, size_t dim, float* out);

struct KernelTable {
  const char* name;
  PairFn dot;             // sum a*b
  PairFn squared_l2;      // sum (a-b)^2
  ManyFn dot_many;
  ManyFn squared_l2_many;
};

// The table in use, or why there is none. Thread safe; the choice is made once per process.
Status ChooseKernels(const KernelTable** out);

// Every table compiled in, best first, whether or not this machine can run it; for tests.
// `Supported` tells whether this machine can.
size_t AllKernels(const KernelTable* const** out);
bool Supported(const KernelTable& table);

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_KERNELS_H_
