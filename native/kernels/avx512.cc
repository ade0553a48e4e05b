// AVX-512 kernels.
//
// Instructions  AVX-512 F; every function carries the target, the file needs no flags.
// Alignment     none assumed; all loads are unaligned ones.
// Tail          whole groups of 16, then one masked load, which does not touch the lanes masked
//               out: nothing beyond the last float is read.
// Error         64 running sums of at most dim / 64 + 4 fused steps (one rounding each, two for
//               squared_l2), six additions at the end. Within the bound of kernel_table.h.
//
// Four rows x four running registers and the query fit the 32 registers, so every row of a group of
// four goes through the same steps as a single pair and has the same value.
#include "kernels/tables.h"

#ifdef SL_X86_64
#include <immintrin.h>

#define SL_TARGET __attribute__((target("avx512f")))
#define SL_INLINE __attribute__((target("avx512f"), always_inline)) inline

namespace sightline {
namespace {

constexpr size_t kGroup = 4;

struct Dot {
  static SL_INLINE __m512 Step(__m512 a, __m512 b, __m512 sum) {
    return _mm512_fmadd_ps(a, b, sum);
  }
};
struct SquaredL2 {
  static SL_INLINE __m512 Step(__m512 a, __m512 b, __m512 sum) {
    const __m512 difference = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(difference, difference, sum);
  }
};

// Through memory: gcc 12 warns about its own intrinsics that extract parts of a register.
SL_INLINE float Sum(const __m512 (&sums)[4]) {
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes,
                  _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
  __m128 four = _mm_add_ps(_mm_add_ps(_mm_load_ps(lanes), _mm_load_ps(lanes + 4)),
                           _mm_add_ps(_mm_load_ps(lanes + 8), _mm_load_ps(lanes + 12)));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

// out[r] = Op over query and row[r], r < R. `ahead` are rows to prefetch meanwhile, or null.
template <typename Op, size_t R>
SL_INLINE void Group(const float* query, const float* const* row, const float* const* ahead,
                     size_t dim, float* out) {
  __m512 sums[R][4];
  for (size_t r = 0; r < R; ++r) {
    for (size_t s = 0; s < 4; ++s) sums[r][s] = _mm512_setzero_ps();
  }
  size_t i = 0;
  for (; i + 64 <= dim; i += 64) {
    for (size_t s = 0; s < 4; ++s) {
      const __m512 part = _mm512_loadu_ps(query + i + 16 * s);
      for (size_t r = 0; r < R; ++r) {
        if (ahead != nullptr) {
          _mm_prefetch(reinterpret_cast<const char*>(ahead[r] + i + 16 * s), _MM_HINT_T1);
        }
        sums[r][s] = Op::Step(part, _mm512_loadu_ps(row[r] + i + 16 * s), sums[r][s]);
      }
    }
  }
  for (; i + 16 <= dim; i += 16) {
    const __m512 part = _mm512_loadu_ps(query + i);
    for (size_t r = 0; r < R; ++r) {
      sums[r][0] = Op::Step(part, _mm512_loadu_ps(row[r] + i), sums[r][0]);
    }
  }
  if (i < dim) {
    const __mmask16 mask = static_cast<__mmask16>((1u << (dim - i)) - 1);
    const __m512 part = _mm512_maskz_loadu_ps(mask, query + i);
    for (size_t r = 0; r < R; ++r) {
      sums[r][1] = Op::Step(part, _mm512_maskz_loadu_ps(mask, row[r] + i), sums[r][1]);
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

const KernelTable kAvx512Kernels = {"avx512",       Pair<Dot>,       Pair<SquaredL2>,
                                    Many<Dot>,      Many<SquaredL2>, &kAvx512InlineCodes,
                                    &kAvx2RowCodes, kGroup};

}  // namespace sightline
#endif
