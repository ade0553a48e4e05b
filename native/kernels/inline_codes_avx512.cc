// AVX-512 pricing of inline codes; the rest of their kernels is AVX2.
//
// Instructions  AVX-512 F and BW. Every function carries the target, the file needs no flags.
// Alignment     none assumed.
// Tail          the last two groups are the lower half of a masked load: nothing beyond the last
//               byte is read.
// Agreement     with scalar: sums of look-ups to the bit, distances to rounding.
#include "kernels/inline_code_kernels.h"
#include "kernels/tables.h"

#ifdef SL_X86_64
#include <immintrin.h>

#define SL_TARGET __attribute__((target("avx512f,avx512bw,avx2,fma")))
#define SL_INLINE __attribute__((target("avx512f,avx512bw,avx2,fma"), always_inline)) inline

namespace sightline {
namespace {

// gcc 12 warns about its own conversions without a mask.
constexpr __mmask16 kAll = 0xffff;
constexpr size_t kGroupsPerStep = 4;
constexpr size_t kStepsPerByte = 4;  // look-ups that fit a byte, see kTableTop

// Prefetches two lines per step, through the three runs in turn.
struct Fetcher {
  const FetchAhead* ahead;
  size_t run = 0;
  size_t line = 0;
  SL_INLINE void Next() {
    if (run == 3) return;
    if (line < ahead->lines[run]) {
      const char* at = ahead->at[run] + 64 * line;
      _mm_prefetch(at, _MM_HINT_T0);
      _mm_prefetch(at + 64, _MM_HINT_T0);
      line += 2;
    } else {
      line = 0;
      ++run;
    }
  }
};

// Sums of bytes in 16-bit lanes, even and odd bytes apart.
struct Wide {
  __m512i even;
  __m512i odd;
  SL_INLINE void Clear() { even = odd = _mm512_setzero_si512(); }
  SL_INLINE void Add(__m512i bytes) {
    even = _mm512_add_epi16(even, _mm512_and_si512(bytes, _mm512_set1_epi16(0xff)));
    odd = _mm512_add_epi16(odd, _mm512_srli_epi16(bytes, 8));
  }
};

SL_INLINE void Step(__m512i code, __m512i table, __m512i* a, __m512i* b) {
  const __m512i half = _mm512_set1_epi8(15);
  *a = _mm512_add_epi8(*a, _mm512_shuffle_epi8(table, _mm512_and_si512(code, half)));
  *b = _mm512_add_epi8(
      *b, _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(code, 4), half)));
}

// The four quarters are four groups of the same 16 lanes: their sums, lanes in order. Through
// memory: gcc 12 warns about its own intrinsics that extract parts of a register.
SL_INLINE __m512i Lanes(const Wide& wide) {
  alignas(64) __m128i even[4];
  alignas(64) __m128i odd[4];
  _mm512_store_si512(even, wide.even);
  _mm512_store_si512(odd, wide.odd);
  const __m128i e = _mm_add_epi16(_mm_add_epi16(even[0], even[1]), _mm_add_epi16(even[2], even[3]));
  const __m128i o = _mm_add_epi16(_mm_add_epi16(odd[0], odd[1]), _mm_add_epi16(odd[2], odd[3]));
  return _mm512_maskz_cvtepu16_epi32(
      kAll, _mm256_set_m128i(_mm_unpackhi_epi16(e, o), _mm_unpacklo_epi16(e, o)));
}

SL_INLINE __m512 Bytes(const uint8_t* at) {
  return _mm512_maskz_cvtepi32_ps(
      kAll,
      _mm512_maskz_cvtepu8_epi32(kAll, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
}

SL_TARGET uint32_t Price(const SignTable& table, float total, const InlineBlock& block, float base,
                         float worst, const FetchAhead& ahead, float* distances) {
  Fetcher fetcher{&ahead};
  const uint8_t* codes = block.codes();
  __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  for (size_t g = 0; g < table.groups;) {
    const size_t end = g + kGroupsPerSum < table.groups ? g + kGroupsPerSum : table.groups;
    Wide low;
    Wide high;
    low.Clear();
    high.Clear();
    while (g < end) {
      __m512i a = _mm512_setzero_si512();
      __m512i b = _mm512_setzero_si512();
      for (size_t step = 0; step < kStepsPerByte && g < end; ++step, g += kGroupsPerStep) {
        fetcher.Next();
        const uint8_t* code = codes + 16 * g;
        const uint8_t* entries = table.entries + 16 * g;
        if (g + kGroupsPerStep <= end) {
          Step(_mm512_loadu_si512(code), _mm512_loadu_si512(entries), &a, &b);
        } else {
          const __mmask64 lower = 0xffffffffu;
          Step(_mm512_maskz_loadu_epi8(lower, code), _mm512_maskz_loadu_epi8(lower, entries), &a,
               &b);
        }
      }
      low.Add(a);
      high.Add(b);
    }
    g = end;
    sums[0] = _mm512_add_epi32(sums[0], Lanes(low));
    sums[1] = _mm512_add_epi32(sums[1], Lanes(high));
  }
  const __m512 twice = _mm512_set1_ps(2 * table.scale);
  const __m512 constant = _mm512_set1_ps(2 * table.bias - total);
  const __m512 start = _mm512_set1_ps(base + block.offset_low);
  const __m512 offset_step = _mm512_set1_ps(block.offset_step);
  const __m512 slope_step = _mm512_set1_ps(block.slope_step);
  uint32_t below = 0;
  for (size_t part = 0; part < 2; ++part) {
    const __m512 sum = _mm512_fmadd_ps(_mm512_maskz_cvtepi32_ps(kAll, sums[part]), twice, constant);
    __m512 distance = _mm512_fmadd_ps(offset_step, Bytes(block.offset + 16 * part), start);
    distance =
        _mm512_fnmadd_ps(_mm512_mul_ps(slope_step, Bytes(block.slope + 16 * part)), sum, distance);
    _mm512_storeu_ps(distances + 16 * part, distance);
    const __mmask16 is_below = _mm512_cmp_ps_mask(distance, _mm512_set1_ps(worst), _CMP_LT_OQ);
    below |= static_cast<uint32_t>(is_below) << (16 * part);
  }
  // The remaining prefetches.
  while (fetcher.run < 3) fetcher.Next();
  return below;
}

}  // namespace

const InlineCodeKernels kAvx512InlineCodes = {
    kAvx2InlineCodes.hadamard, kAvx2InlineCodes.fill_table, kAvx2InlineCodes.halve,
    kAvx2InlineCodes.encode,   kAvx2InlineCodes.insert,     Price};

}  // namespace sightline
#endif
