// WebAssembly kernels for codes of rows.
//
// Instructions  fixed-width SIMD (simd128).
// Alignment     none assumed.
// Error         integers: none. A product of two bytes fits 16 bits and is added in 32. Halves: 16
//               running sums, as in wasm.cc.
//
// Two rows share what is made of the query; each has the same steps alone, so its value does not
// depend on the group.
#include "kernels/tables.h"

#ifdef SL_WASM
#include <wasm_simd128.h>

#define SL_INLINE __attribute__((always_inline)) inline

namespace sightline {
namespace {

SL_INLINE v128_t Load(const void* at) { return wasm_v128_load(at); }

SL_INLINE int32_t Sum(v128_t sum) {
  return (wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1)) +
         (wasm_i32x4_extract_lane(sum, 2) + wasm_i32x4_extract_lane(sum, 3));
}

// 16 values of a query, in 16 bits each.
struct Wide {
  v128_t low;
  v128_t high;
  explicit SL_INLINE Wide(v128_t bytes)
      : low(wasm_i16x8_extend_low_i8x16(bytes)), high(wasm_i16x8_extend_high_i8x16(bytes)) {}
};

// Adds the products with 16 bytes of 0..127.
SL_INLINE v128_t Add(v128_t sum, const Wide& query, v128_t codes) {
  const Wide values(codes);
  sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(query.low, values.low));
  return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(query.high, values.high));
}

struct PairOp {
  using Query = int8_t;
  using Result = int32_t;

  // `bytes` bytes of codes, 16 or 32, and the query's values for them.
  template <size_t R>
  static SL_INLINE void Part(const int8_t* query, const unsigned char* const* code, size_t at,
                             size_t bytes, v128_t* sum) {
    const v128_t mask = wasm_i8x16_const_splat(3);
    for (size_t j = 0; j < bytes; j += 16) {
      const Wide f0(Load(query + j));
      const Wide f1(Load(query + bytes + j));
      const Wide f2(Load(query + 2 * bytes + j));
      const Wide f3(Load(query + 3 * bytes + j));
      for (size_t r = 0; r < R; ++r) {
        const v128_t all = Load(code[r] + at + j);
        sum[r] = Add(sum[r], f0, wasm_v128_and(all, mask));
        sum[r] = Add(sum[r], f1, wasm_v128_and(wasm_u8x16_shr(all, 2), mask));
        sum[r] = Add(sum[r], f2, wasm_v128_and(wasm_u8x16_shr(all, 4), mask));
        sum[r] = Add(sum[r], f3, wasm_u8x16_shr(all, 6));
      }
    }
  }

  template <size_t R>
  static SL_INLINE void Run(const int8_t* query, const unsigned char* const* code, size_t blocks,
                            int32_t* out) {
    v128_t sum[R];
    for (size_t r = 0; r < R; ++r) sum[r] = wasm_i32x4_const_splat(0);
    const size_t pairs = blocks / 2;
    for (size_t p = 0; p < pairs; ++p) Part<R>(query + 128 * p, code, 32 * p, 32, sum);
    if (blocks % 2 != 0) Part<R>(query + 128 * pairs, code, 32 * pairs, 16, sum);
    for (size_t r = 0; r < R; ++r) out[r] = Sum(sum[r]);
  }
};

struct NibbleOp {
  using Query = int8_t;
  using Result = int32_t;

  template <size_t R>
  static SL_INLINE void Run(const int8_t* query, const unsigned char* const* code, size_t blocks,
                            int32_t* out) {
    const v128_t mask = wasm_i8x16_const_splat(15);
    v128_t sum[R];
    for (size_t r = 0; r < R; ++r) sum[r] = wasm_i32x4_const_splat(0);
    for (size_t b = 0; b < blocks; ++b) {
      for (size_t j = 0; j < 32; j += 16) {
        const Wide first(Load(query + 64 * b + j));
        const Wide second(Load(query + 64 * b + 32 + j));
        for (size_t r = 0; r < R; ++r) {
          const v128_t bytes = Load(code[r] + 32 * b + j);
          sum[r] = Add(sum[r], first, wasm_v128_and(bytes, mask));
          sum[r] = Add(sum[r], second, wasm_u8x16_shr(bytes, 4));
        }
      }
    }
    for (size_t r = 0; r < R; ++r) out[r] = Sum(sum[r]);
  }
};

struct ByteOp {
  using Query = int8_t;
  using Result = int32_t;

  template <size_t R>
  static SL_INLINE void Run(const int8_t* query, const unsigned char* const* code, size_t blocks,
                            int32_t* out) {
    v128_t sum[R];
    for (size_t r = 0; r < R; ++r) sum[r] = wasm_i32x4_const_splat(0);
    for (size_t j = 0; j < 32 * blocks; j += 16) {
      const Wide part(Load(query + j));
      for (size_t r = 0; r < R; ++r) sum[r] = Add(sum[r], part, Load(code[r] + j));
    }
    for (size_t r = 0; r < R; ++r) out[r] = Sum(sum[r]);
  }
};

// Half floats, four in the lower halves of 32-bit lanes. The exponent moves into place by a
// multiplication, which does subnormal halves too; infinities and NaN do not occur.
SL_INLINE v128_t FromHalves(v128_t halves) {
  const v128_t rest = wasm_v128_and(halves, wasm_i32x4_const_splat(0x7fff));
  const v128_t sign = wasm_i32x4_shl(wasm_v128_xor(halves, rest), 16);
  const v128_t value = wasm_f32x4_mul(wasm_i32x4_shl(rest, 13), wasm_f32x4_const_splat(0x1p112f));
  return wasm_v128_or(value, sign);
}

struct HalfOp {
  using Query = float;
  using Result = float;

  template <size_t R>
  static SL_INLINE void Run(const float* query, const unsigned char* const* code, size_t blocks,
                            float* out) {
    v128_t sum[R][4];
    for (size_t r = 0; r < R; ++r) {
      for (size_t s = 0; s < 4; ++s) sum[r][s] = wasm_f32x4_const_splat(0);
    }
    for (size_t b = 0; b < blocks; ++b) {
      for (size_t s = 0; s < 4; ++s) {
        const v128_t part = Load(query + 16 * b + 4 * s);
        for (size_t r = 0; r < R; ++r) {
          const v128_t halves = wasm_u32x4_load16x4(code[r] + 32 * b + 8 * s);
          sum[r][s] = wasm_f32x4_add(sum[r][s], wasm_f32x4_mul(part, FromHalves(halves)));
        }
      }
    }
    for (size_t r = 0; r < R; ++r) {
      const v128_t all = wasm_f32x4_add(wasm_f32x4_add(sum[r][0], sum[r][1]),
                                        wasm_f32x4_add(sum[r][2], sum[r][3]));
      out[r] = (wasm_f32x4_extract_lane(all, 0) + wasm_f32x4_extract_lane(all, 2)) +
               (wasm_f32x4_extract_lane(all, 1) + wasm_f32x4_extract_lane(all, 3));
    }
  }
};

template <typename Op>
void Many(const typename Op::Query* query, const CodeRows& codes, const uint32_t* rows, size_t n,
          typename Op::Result* out) {
  const auto code_at = [&](size_t i) {
    return codes.base + (rows != nullptr ? rows[i] : i) * codes.stride;
  };
  size_t i = 0;
  for (; i + 2 <= n; i += 2) {
    const unsigned char* group[2] = {code_at(i), code_at(i + 1)};
    Op::template Run<2>(query, group, codes.blocks, out + i);
  }
  if (i < n) {
    const unsigned char* code = code_at(i);
    Op::template Run<1>(query, &code, codes.blocks, out + i);
  }
}

}  // namespace

const RowCodeKernels kWasmRowCodes = {Many<PairOp>, Many<NibbleOp>, Many<ByteOp>, Many<HalfOp>};

}  // namespace sightline
#endif
