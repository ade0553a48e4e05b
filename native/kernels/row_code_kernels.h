// Kernels that compare a query with codes of rows. As kernel_table.h, includes no standard headers.
//
// A code is a whole number of blocks:
//     pairs    2 bits, 64 values in 16 bytes. In two joined blocks, bits 2 f and 2 f + 1 of byte j
//              are value 32 f + j of 128; in a single last block, value 16 f + j of 64
//     nibbles  4 bits, 64 values in 32 bytes: byte j holds value j in its low half, 32 + j in its
//              high half
//     bytes    7 bits, 32 values in 32 bytes: byte j holds value j, 0..127
//     halves   IEEE half floats, 16 values in 32 bytes
// `query` has one value per value of a code.
#ifndef SIGHTLINE_KERNELS_ROW_CODE_KERNELS_H_
#define SIGHTLINE_KERNELS_ROW_CODE_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

namespace sightline {

// Codes are at base + row * stride; nothing beyond a code is read.
struct CodeRows {
  const unsigned char* base;
  size_t stride;
  size_t blocks;
};

// out[i] = sum of query[d] * code[d] over the code of row rows[i], or i if `rows` is null.
// Exact: |query[d]| <= 127 and blocks <= kMaxCodeBlocks keep every sum within 32 bits.
using IntegerCodesFn = void (*)(const int8_t* query, const CodeRows& codes, const uint32_t* rows,
                                size_t n, int32_t* out);
// The same with the error bound of kernel_table.h; the value of a code does not depend on the
// others.
using HalfCodesFn = void (*)(const float* query, const CodeRows& codes, const uint32_t* rows,
                             size_t n, float* out);

// 2^31 / (127 * 127 * 32) = 4160: room for 8192 values many times over.
constexpr size_t kMaxCodeBlocks = 4096;

struct RowCodeKernels {
  IntegerCodesFn pairs;
  IntegerCodesFn nibbles;
  IntegerCodesFn bytes;
  HalfCodesFn halves;
};

// The reference, and the default of tables without kernels of their own.
extern const RowCodeKernels kScalarRowCodes;
#if defined(__x86_64__) || defined(_M_X64)
extern const RowCodeKernels kAvx2RowCodes;  // needs F16C too
#elif defined(__wasm_simd128__)
extern const RowCodeKernels kWasmRowCodes;
#endif

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_ROW_CODE_KERNELS_H_
