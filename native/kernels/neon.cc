// NEON kernels (aarch64, where NEON is part of the baseline).
//
// Instructions  Advanced SIMD with fused multiply-add.
// Alignment     none assumed beyond that of float.
// Tail          whole groups of 4, then element by element: nothing beyond the last float is read.
// Error         16 running sums of at most dim / 16 + 4 fused steps (one rounding each, two for
//               squared_l2), and at most nine additions at the end. Within the bound of
//               kernel_table.h.
//
// Four rows x four running registers and the query fit the 32 registers, so every row of a group of
// four goes through the same steps as a single pair and has the same value.
#include "kernels/tables.h"

#ifdef SL_AARCH64
#include <arm_neon.h>

#define SL_INLINE __attribute__((always_inline)) inline

namespace sightline {
namespace {

constexpr size_t kGroup = 4;

struct Dot {
  static SL_INLINE float32x4_t Step(float32x4_t a, float32x4_t b, float32x4_t sum) {
    return vfmaq_f32(sum, a, b);
  }
  static SL_INLINE float Term(float a, float b) { return a * b; }
};
struct SquaredL2 {
  static SL_INLINE float32x4_t Step(float32x4_t a, float32x4_t b, float32x4_t sum) {
    const float32x4_t difference = vsubq_f32(a, b);
    return vfmaq_f32(sum, difference, difference);
  }
  static SL_INLINE float Term(float a, float b) { return (a - b) * (a - b); }
};

// out[r] = Op over query and row[r], r < R. `ahead` are rows to prefetch meanwhile, or null.
template <typename Op, size_t R>
SL_INLINE void Group(const float* query, const float* const* row, const float* const* ahead,
                     size_t dim, float* out) {
  float32x4_t sums[R][4];
  for (size_t r = 0; r < R; ++r) {
    for (size_t s = 0; s < 4; ++s) sums[r][s] = vdupq_n_f32(0);
  }
  size_t i = 0;
  for (; i + 16 <= dim; i += 16) {
    if (ahead != nullptr) {
      for (size_t r = 0; r < R; ++r) __builtin_prefetch(ahead[r] + i, 0, 2);
    }
    for (size_t s = 0; s < 4; ++s) {
      const float32x4_t part = vld1q_f32(query + i + 4 * s);
      for (size_t r = 0; r < R; ++r) {
        sums[r][s] = Op::Step(part, vld1q_f32(row[r] + i + 4 * s), sums[r][s]);
      }
    }
  }
  for (; i + 4 <= dim; i += 4) {
    const float32x4_t part = vld1q_f32(query + i);
    for (size_t r = 0; r < R; ++r) sums[r][0] = Op::Step(part, vld1q_f32(row[r] + i), sums[r][0]);
  }
  for (size_t r = 0; r < R; ++r) {
    float value =
        vaddvq_f32(vaddq_f32(vaddq_f32(sums[r][0], sums[r][1]), vaddq_f32(sums[r][2], sums[r][3])));
    for (size_t j = i; j < dim; ++j) value += Op::Term(query[j], row[r][j]);
    out[r] = value;
  }
}

template <typename Op>
float Pair(const float* a, const float* b, size_t dim) {
  float value;
  Group<Op, 1>(a, &b, nullptr, dim, &value);
  return value;
}

// Successive rows one at a time: the processor prefetches one stream twice as fast as several (see
// kernel_table.h).
template <typename Op>
void Sequential(const float* query, const unsigned char* base, size_t stride, size_t n, size_t dim,
                float* out) {
  for (size_t i = 0; i < n; ++i, base += stride) {
    const float* row = reinterpret_cast<const float*>(base);
    const float* ahead = reinterpret_cast<const float*>(base + kStreamAhead);
    Group<Op, 1>(query, &row, &ahead, dim, out + i);
  }
}

template <typename Op>
void Many(const float* query, const unsigned char* base, size_t stride, const uint32_t* rows,
          size_t n, size_t dim, float* out) {
  if (rows == nullptr) return Sequential<Op>(query, base, stride, n, dim, out);
  const auto row_at = [=](size_t i) {
    return reinterpret_cast<const float*>(base + rows[i] * stride);
  };
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup) {
    const float* group[kGroup] = {row_at(i), row_at(i + 1), row_at(i + 2), row_at(i + 3)};
    if (i + 2 * kGroup <= n) {
      const float* next[kGroup] = {row_at(i + 4), row_at(i + 5), row_at(i + 6), row_at(i + 7)};
      Group<Op, kGroup>(query, group, next, dim, out + i);
    } else {
      Group<Op, kGroup>(query, group, nullptr, dim, out + i);
    }
  }
  for (; i < n; ++i) out[i] = Pair<Op>(query, row_at(i), dim);
}

}  // namespace

const KernelTable kNeonKernels = {"neon",          Pair<Dot>,           Pair<SquaredL2>,  Many<Dot>,
                                  Many<SquaredL2>, &kScalarInlineCodes, &kScalarRowCodes, kGroup};

}  // namespace sightline
#endif
