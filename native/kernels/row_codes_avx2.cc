// AVX2 kernels for codes of rows.
//
// Instructions  AVX2, FMA, F16C; every function carries the target, the file needs no flags.
// Alignment     none assumed.
// Tail          an odd block of pairs goes alone; otherwise codes are whole blocks of 32 bytes.
// Error         integers: none. Two products of pairs are at most 2 * 3 * 127 = 762 and of nibbles
//               3810, so that 32 and eight of them fit 16 bits before the sum is widened; 2 * 127 *
//               127 = 32258 for bytes fits once and is widened at once. Halves: 32 running sums of
//               fused steps, as in avx2.cc.
//
// Four rows share the query's registers (halves: three, as in avx2.cc). A row's steps are the same
// in every group size, so its value does not depend on the group. Successive rows are prefetched
// kStreamAhead bytes ahead; picked ones by the caller, who knows them earlier.
#include "kernels/tables.h"

#ifdef SL_X86_64
#include <immintrin.h>

#define SL_TARGET __attribute__((target("avx2,fma,f16c")))
#define SL_INLINE __attribute__((target("avx2,fma,f16c"), always_inline)) inline

namespace sightline {
namespace {

SL_INLINE __m256i Load(const void* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

// 16 bytes in the lower half, zero in the upper.
SL_INLINE __m256i Half(const void* at) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  return _mm256_inserti128_si256(_mm256_setzero_si256(), low, 0);
}

SL_INLINE int32_t Sum(__m256i sum) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

struct PairOp {
  using Query = int8_t;
  using Result = int32_t;
  static constexpr size_t kGroup = 4;

  // The products of 128 values, or of 64 in the lower half, added in 16 bits.
  static SL_INLINE __m256i Step(__m256i bytes, const __m256i (&part)[4], __m256i narrow) {
    const __m256i mask = _mm256_set1_epi8(3);
    const __m256i f0 = _mm256_and_si256(bytes, mask);
    const __m256i f1 = _mm256_and_si256(_mm256_srli_epi16(bytes, 2), mask);
    const __m256i f2 = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
    const __m256i f3 = _mm256_and_si256(_mm256_srli_epi16(bytes, 6), mask);
    const __m256i low =
        _mm256_add_epi16(_mm256_maddubs_epi16(f0, part[0]), _mm256_maddubs_epi16(f1, part[1]));
    const __m256i high =
        _mm256_add_epi16(_mm256_maddubs_epi16(f2, part[2]), _mm256_maddubs_epi16(f3, part[3]));
    return _mm256_add_epi16(narrow, _mm256_add_epi16(low, high));
  }

  template <size_t R>
  static SL_INLINE void Run(const int8_t* query, const unsigned char* const* code, size_t blocks,
                            int32_t* out) {
    const __m256i ones = _mm256_set1_epi16(1);
    const size_t pairs = blocks / 2;
    __m256i sum[R];
    for (size_t r = 0; r < R; ++r) sum[r] = _mm256_setzero_si256();
    for (size_t p = 0; p < pairs;) {
      const size_t end = p + 8 < pairs ? p + 8 : pairs;
      __m256i narrow[R];
      for (size_t r = 0; r < R; ++r) narrow[r] = _mm256_setzero_si256();
      for (; p < end; ++p) {
        const int8_t* values = query + 128 * p;
        const __m256i part[4] = {Load(values), Load(values + 32), Load(values + 64),
                                 Load(values + 96)};
        for (size_t r = 0; r < R; ++r) narrow[r] = Step(Load(code[r] + 32 * p), part, narrow[r]);
      }
      for (size_t r = 0; r < R; ++r) {
        sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(narrow[r], ones));
      }
    }
    if (blocks % 2 != 0) {
      const int8_t* values = query + 128 * pairs;
      const __m256i part[4] = {Half(values), Half(values + 16), Half(values + 32),
                               Half(values + 48)};
      for (size_t r = 0; r < R; ++r) {
        const __m256i narrow = Step(Half(code[r] + 32 * pairs), part, _mm256_setzero_si256());
        sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(narrow, ones));
      }
    }
    for (size_t r = 0; r < R; ++r) out[r] = Sum(sum[r]);
  }
};

struct NibbleOp {
  using Query = int8_t;
  using Result = int32_t;
  static constexpr size_t kGroup = 4;

  template <size_t R>
  static SL_INLINE void Run(const int8_t* query, const unsigned char* const* code, size_t blocks,
                            int32_t* out) {
    const __m256i low_half = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum[R];
    for (size_t r = 0; r < R; ++r) sum[r] = _mm256_setzero_si256();
    for (size_t b = 0; b < blocks;) {
      const size_t end = b + 4 < blocks ? b + 4 : blocks;
      __m256i narrow[R];
      for (size_t r = 0; r < R; ++r) narrow[r] = _mm256_setzero_si256();
      for (; b < end; ++b) {
        const __m256i first = Load(query + 64 * b);
        const __m256i second = Load(query + 64 * b + 32);
        for (size_t r = 0; r < R; ++r) {
          const __m256i bytes = Load(code[r] + 32 * b);
          const __m256i low = _mm256_and_si256(bytes, low_half);
          const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_half);
          narrow[r] = _mm256_add_epi16(narrow[r], _mm256_maddubs_epi16(low, first));
          narrow[r] = _mm256_add_epi16(narrow[r], _mm256_maddubs_epi16(high, second));
        }
      }
      for (size_t r = 0; r < R; ++r) {
        sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(narrow[r], ones));
      }
    }
    for (size_t r = 0; r < R; ++r) out[r] = Sum(sum[r]);
  }
};

struct ByteOp {
  using Query = int8_t;
  using Result = int32_t;
  static constexpr size_t kGroup = 4;

  template <size_t R>
  static SL_INLINE void Run(const int8_t* query, const unsigned char* const* code, size_t blocks,
                            int32_t* out) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum[R];
    for (size_t r = 0; r < R; ++r) sum[r] = _mm256_setzero_si256();
    for (size_t b = 0; b < blocks; ++b) {
      const __m256i part = Load(query + 32 * b);
      for (size_t r = 0; r < R; ++r) {
        const __m256i products = _mm256_maddubs_epi16(Load(code[r] + 32 * b), part);
        sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(products, ones));
      }
    }
    for (size_t r = 0; r < R; ++r) out[r] = Sum(sum[r]);
  }
};

struct HalfOp {
  using Query = float;
  using Result = float;
  static constexpr size_t kGroup = 3;

  template <size_t R>
  static SL_INLINE void Run(const float* query, const unsigned char* const* code, size_t blocks,
                            float* out) {
    __m256 sum[R][4];
    for (size_t r = 0; r < R; ++r) {
      for (size_t s = 0; s < 4; ++s) sum[r][s] = _mm256_setzero_ps();
    }
    for (size_t b = 0; b < blocks; ++b) {
      for (size_t s = 0; s < 2; ++s) {
        const __m256 part = _mm256_loadu_ps(query + 16 * b + 8 * s);
        // Even and odd blocks have separate sums.
        const size_t place = s + 2 * (b & 1);
        for (size_t r = 0; r < R; ++r) {
          const __m128i half =
              _mm_loadu_si128(reinterpret_cast<const __m128i*>(code[r] + 32 * b + 16 * s));
          sum[r][place] = _mm256_fmadd_ps(part, _mm256_cvtph_ps(half), sum[r][place]);
        }
      }
    }
    for (size_t r = 0; r < R; ++r) {
      const __m256 all =
          _mm256_add_ps(_mm256_add_ps(sum[r][0], sum[r][1]), _mm256_add_ps(sum[r][2], sum[r][3]));
      __m128 four = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
      four = _mm_add_ps(four, _mm_movehl_ps(four, four));
      out[r] = _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
    }
  }
};

template <typename Op>
SL_TARGET void Sequential(const typename Op::Query* query, const CodeRows& codes, size_t n,
                          typename Op::Result* out) {
  constexpr size_t kGroup = Op::kGroup;
  const unsigned char* base = codes.base;
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup, base += kGroup * codes.stride) {
    const unsigned char* group[kGroup];
    for (size_t r = 0; r < kGroup; ++r) group[r] = base + r * codes.stride;
    for (size_t at = 0; at < kGroup * codes.stride; at += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(base + kStreamAhead + at), _MM_HINT_T0);
    }
    Op::template Run<kGroup>(query, group, codes.blocks, out + i);
  }
  for (; i < n; ++i, base += codes.stride) {
    Op::template Run<1>(query, &base, codes.blocks, out + i);
  }
}

template <typename Op>
SL_TARGET void Many(const typename Op::Query* query, const CodeRows& codes, const uint32_t* rows,
                    size_t n, typename Op::Result* out) {
  if (rows == nullptr) return Sequential<Op>(query, codes, n, out);
  constexpr size_t kGroup = Op::kGroup;
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup) {
    const unsigned char* group[kGroup];
    for (size_t r = 0; r < kGroup; ++r) {
      group[r] = codes.base + rows[i + r] * codes.stride;
    }
    Op::template Run<kGroup>(query, group, codes.blocks, out + i);
  }
  for (; i < n; ++i) {
    const unsigned char* code = codes.base + rows[i] * codes.stride;
    Op::template Run<1>(query, &code, codes.blocks, out + i);
  }
}

}  // namespace

const RowCodeKernels kAvx2RowCodes = {Many<PairOp>, Many<NibbleOp>, Many<ByteOp>, Many<HalfOp>};

}  // namespace sightline
#endif
