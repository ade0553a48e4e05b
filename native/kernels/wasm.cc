// WebAssembly kernels.
//
// Instructions  fixed-width SIMD (simd128), for which the whole module is built: there is no asking
//               at run time, a program that cannot run it does not load the module.
// Alignment     none assumed; all loads are unaligned ones.
// Tail          whole groups of 4, then element by element: nothing beyond the last float is read.
// Error         16 running sums of at most dim / 16 + 4 steps of two roundings (three for
//               squared_l2), and at most nine additions at the end. Within the bound of
//               kernel_table.h.
//
// Rows go through in groups of three, as in avx2.cc and for its reason: an engine on x86-64 has 16
// registers for these values too.
#include "kernels/tables.h"

#ifdef SL_WASM
#include <wasm_simd128.h>

#define SL_INLINE __attribute__((always_inline)) inline

namespace sightline {
namespace {

constexpr size_t kGroup = 3;

struct Dot {
  static SL_INLINE v128_t Step(v128_t a, v128_t b, v128_t sum) {
    return wasm_f32x4_add(sum, wasm_f32x4_mul(a, b));
  }
  static SL_INLINE float Term(float a, float b) { return a * b; }
};
struct SquaredL2 {
  static SL_INLINE v128_t Step(v128_t a, v128_t b, v128_t sum) {
    const v128_t difference = wasm_f32x4_sub(a, b);
    return wasm_f32x4_add(sum, wasm_f32x4_mul(difference, difference));
  }
  static SL_INLINE float Term(float a, float b) { return (a - b) * (a - b); }
};

SL_INLINE float Sum(const v128_t (&sums)[4]) {
  const v128_t all =
      wasm_f32x4_add(wasm_f32x4_add(sums[0], sums[1]), wasm_f32x4_add(sums[2], sums[3]));
  return (wasm_f32x4_extract_lane(all, 0) + wasm_f32x4_extract_lane(all, 2)) +
         (wasm_f32x4_extract_lane(all, 1) + wasm_f32x4_extract_lane(all, 3));
}

// out[r] = Op over query and row[r], r < R.
template <typename Op, size_t R>
SL_INLINE void Group(const float* query, const float* const* row, size_t dim, float* out) {
  v128_t sums[R][4];
  for (size_t r = 0; r < R; ++r) {
    for (size_t s = 0; s < 4; ++s) sums[r][s] = wasm_f32x4_const_splat(0);
  }
  size_t i = 0;
  for (; i + 16 <= dim; i += 16) {
    for (size_t s = 0; s < 4; ++s) {
      const v128_t part = wasm_v128_load(query + i + 4 * s);
      for (size_t r = 0; r < R; ++r) {
        sums[r][s] = Op::Step(part, wasm_v128_load(row[r] + i + 4 * s), sums[r][s]);
      }
    }
  }
  for (; i + 4 <= dim; i += 4) {
    const v128_t part = wasm_v128_load(query + i);
    for (size_t r = 0; r < R; ++r) {
      sums[r][0] = Op::Step(part, wasm_v128_load(row[r] + i), sums[r][0]);
    }
  }
  for (size_t r = 0; r < R; ++r) {
    float value = Sum(sums[r]);
    for (size_t j = i; j < dim; ++j) value += Op::Term(query[j], row[r][j]);
    out[r] = value;
  }
}

template <typename Op>
float Pair(const float* a, const float* b, size_t dim) {
  float value;
  Group<Op, 1>(a, &b, dim, &value);
  return value;
}

template <typename Op>
void Many(const float* query, const unsigned char* base, size_t stride, const uint32_t* rows,
          size_t n, size_t dim, float* out) {
  const auto row_at = [=](size_t i) {
    return reinterpret_cast<const float*>(base + (rows != nullptr ? rows[i] : i) * stride);
  };
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup) {
    const float* group[kGroup] = {row_at(i), row_at(i + 1), row_at(i + 2)};
    Group<Op, kGroup>(query, group, dim, out + i);
  }
  for (; i < n; ++i) out[i] = Pair<Op>(query, row_at(i), dim);
}

}  // namespace

const KernelTable kWasmKernels = {"wasm",          Pair<Dot>,         Pair<SquaredL2>, Many<Dot>,
                                  Many<SquaredL2>, &kWasmInlineCodes, &kWasmRowCodes,  kGroup};

}  // namespace sightline
#endif
