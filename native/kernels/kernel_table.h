// The functions of one instruction set. Kernel files include only headers like this and intrinsics,
// so that no standard inline function is compiled with wide instructions.
#ifndef SIGHTLINE_KERNELS_KERNEL_TABLE_H_
#define SIGHTLINE_KERNELS_KERNEL_TABLE_H_

#include <stddef.h>
#include <stdint.h>

#include "kernels/inline_code_kernels.h"
#include "kernels/row_code_kernels.h"

namespace sightline {

// Pair of vectors of `dim` floats, any alignment; nothing beyond the last float is read.
using PairFn = float (*)(const float* a, const float* b, size_t dim);

// out[i] = fn(query, row rows[i]) for i < n; row r starts at base + r * stride bytes.
// `rows == nullptr` means rows 0..n-1.
//
// Picked rows are processed in groups that share the query's registers, while the next group is
// prefetched to L2; successive rows one by one, prefetched kStreamAhead bytes ahead. Measured on
// two cores of a Zen 4 server, AVX-512, 100,000 x 512 floats:
//     picked rows      in groups of 4, the next group prefetched to L2: 100-115 ns per row, to L1:
//                      148; one at a time: 126
//     successive rows  one at a time: 21-23 GB/s; in groups of 4: at most 18 (to L2) or 12 (to L1)
// The few miss buffers of L1 limit prefetches into it.
using ManyFn = void (*)(const float* query, const unsigned char* base, size_t stride,
                        const uint32_t* rows, size_t n, size_t dim, float* out);

// A page. Prefetches beyond the end of the rows are ignored.
constexpr size_t kStreamAhead = 4096;

// Within one table all functions give the same value for a pair of vectors, bit for bit, however
// rows are grouped.
//
// Error of every table, against exact arithmetic, with u = 2^-24 and s the sum of the absolute
// terms (|a_i b_i|, or (a_i - b_i)^2), unless something overflows:
//     |error| <= (dim / 8 + 16) * u * s + dim * 2^-149
//
// IEEE arithmetic: a NaN in either vector gives NaN, an overflow infinity or NaN. The index refuses
// such vectors and TopK drops NaN.
struct KernelTable {
  const char* name;
  PairFn dot;         // sum a*b
  PairFn squared_l2;  // sum (a-b)^2
  ManyFn dot_many;
  ManyFn squared_l2_many;
  const InlineCodeKernels* inline_codes;
  const RowCodeKernels* row_codes;
  size_t group;  // picked rows that share registers
};

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_KERNEL_TABLE_H_
