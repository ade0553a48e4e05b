// AVX2 + FMA kernels.
//
// Instructions  AVX2, FMA; every function carries the target, the file needs no flags.
// Alignment     none assumed; all loads are unaligned ones.
// Tail          whole groups of 8, then one masked load, which does not touch the lanes masked out:
//               nothing beyond the last float is read.
// Error         32 running sums of at most dim / 32 + 4 fused steps (one rounding each, two for
//               squared_l2), five additions at the end. Within the bound of kernel_table.h.
//
// Rows are processed in groups of three: 3 rows x 4 accumulators and the query use 14 of the 16
// registers. Four accumulators per row in every group size make a row's value independent of the
// group. With four rows there would be two, for a single pair as well, which then takes twice as
// long. Loads bound both: 12.0 against 12.8 floats per cycle.
#include "kernels/tables.h"

#ifdef SL_X86_64
#include <immintrin.h>

#define SL_TARGET __attribute__((target("avx2,fma")))
#define SL_INLINE __attribute__((target("avx2,fma"), always_inline)) inline

namespace sightline {
namespace {

constexpr size_t kGroup = 3;

struct Dot {
  static SL_INLINE __m256 Step(__m256 a, __m256 b, __m256 sum) {
    return _mm256_fmadd_ps(a, b, sum);
  }
};
struct SquaredL2 {
  static SL_INLINE __m256 Step(__m256 a, __m256 b, __m256 sum) {
    const __m256 difference = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(difference, difference, sum);
  }
};

// Lanes 0..count-1 on, for count < 8.
SL_INLINE __m256i TailMask(size_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
}

SL_INLINE float Sum(const __m256 (&sums)[4]) {
  const __m256 all =
      _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

// out[r] = Op over query and row[r], r < R. `ahead` are rows to prefetch meanwhile, or null.
template <typename Op, size_t R>
SL_INLINE void Group(const float* query, const float* const* row, const float* const* ahead,
                     size_t dim, float* out) {
  __m256 sums[R][4];
  for (size_t r = 0; r < R; ++r) {
    for (size_t s = 0; s < 4; ++s) sums[r][s] = _mm256_setzero_ps();
  }
  size_t i = 0;
  for (; i + 32 <= dim; i += 32) {
    if (ahead != nullptr) {
      for (size_t r = 0; r < R; ++r) {
        _mm_prefetch(reinterpret_cast<const char*>(ahead[r] + i), _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char*>(ahead[r] + i + 16), _MM_HINT_T1);
      }
    }
    for (size_t s = 0; s < 4; ++s) {
      const __m256 part = _mm256_loadu_ps(query + i + 8 * s);
      for (size_t r = 0; r < R; ++r) {
        sums[r][s] = Op::Step(part, _mm256_loadu_ps(row[r] + i + 8 * s), sums[r][s]);
      }
    }
  }
  for (; i + 8 <= dim; i += 8) {
    const __m256 part = _mm256_loadu_ps(query + i);
    for (size_t r = 0; r < R; ++r) {
      sums[r][0] = Op::Step(part, _mm256_loadu_ps(row[r] + i), sums[r][0]);
    }
  }
  if (i < dim) {
    const __m256i mask = TailMask(dim - i);
    const __m256 part = _mm256_maskload_ps(query + i, mask);
    for (size_t r = 0; r < R; ++r) {
      sums[r][1] = Op::Step(part, _mm256_maskload_ps(row[r] + i, mask), sums[r][1]);
    }
  }
  for (size_t r = 0; r < R; ++r) out[r] = Sum(sums[r]);
}

template <typename Op>
SL_TARGET float Pair(const float* a, const float* b, size_t dim) {
  float value;
  Group<Op, 1>(a, &b, nullptr, dim, &value);
  return value;
}

// Successive rows one at a time: the processor prefetches one stream twice as fast as several (see
// kernel_table.h).
template <typename Op>
SL_TARGET void Sequential(const float* query, const unsigned char* base, size_t stride, size_t n,
                          size_t dim, float* out) {
  for (size_t i = 0; i < n; ++i, base += stride) {
    const float* row = reinterpret_cast<const float*>(base);
    const float* ahead = reinterpret_cast<const float*>(base + kStreamAhead);
    Group<Op, 1>(query, &row, &ahead, dim, out + i);
  }
}

template <typename Op>
SL_TARGET void Many(const float* query, const unsigned char* base, size_t stride,
                    const uint32_t* rows, size_t n, size_t dim, float* out) {
  if (rows == nullptr) return Sequential<Op>(query, base, stride, n, dim, out);
  const auto row_at = [=](size_t i) {
    return reinterpret_cast<const float*>(base + rows[i] * stride);
  };
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup) {
    const float* group[kGroup] = {row_at(i), row_at(i + 1), row_at(i + 2)};
    if (i + 2 * kGroup <= n) {
      const float* next[kGroup] = {row_at(i + 3), row_at(i + 4), row_at(i + 5)};
      Group<Op, kGroup>(query, group, next, dim, out + i);
    } else {
      Group<Op, kGroup>(query, group, nullptr, dim, out + i);
    }
  }
  for (; i < n; ++i) out[i] = Pair<Op>(query, row_at(i), dim);
}

}  // namespace

const KernelTable kAvx2Kernels = {"avx2",          Pair<Dot>,         Pair<SquaredL2>, Many<Dot>,
                                  Many<SquaredL2>, &kAvx2InlineCodes, &kAvx2RowCodes,  kGroup};

}  // namespace sightline
#endif
