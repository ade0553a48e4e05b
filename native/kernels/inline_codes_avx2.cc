// AVX2 kernels of inline codes.
//
// Instructions  AVX2, FMA. Every function carries the target, the file needs no flags.
// Alignment     none assumed.
// Agreement     with scalar: codes to the bit, table entries to one unit, distances to rounding.
#include "kernels/inline_code_kernels.h"
#include "kernels/tables.h"

#ifdef SL_X86_64
#include <immintrin.h>

#define SL_TARGET __attribute__((target("avx2,fma")))
#define SL_INLINE __attribute__((target("avx2,fma"), always_inline)) inline

namespace sightline {
namespace {

SL_INLINE float Sum(__m256 v) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

SL_INLINE float Max(__m256 v) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

// Pairs at distance 1, 2 and 4 are within a register: swap, then add in one half and subtract in
// the other.
SL_INLINE __m256 HadamardOf8(__m256 v) {
  __m256 swapped = _mm256_permute_ps(v, 0xb1);
  v = _mm256_blend_ps(_mm256_add_ps(v, swapped), _mm256_sub_ps(swapped, v), 0xaa);
  swapped = _mm256_permute_ps(v, 0x4e);
  v = _mm256_blend_ps(_mm256_add_ps(v, swapped), _mm256_sub_ps(swapped, v), 0xcc);
  swapped = _mm256_permute2f128_ps(v, v, 1);
  return _mm256_blend_ps(_mm256_add_ps(v, swapped), _mm256_sub_ps(swapped, v), 0xf0);
}

SL_INLINE void Butterfly(float* a, float* b) {
  const __m256 x = _mm256_loadu_ps(a);
  const __m256 y = _mm256_loadu_ps(b);
  _mm256_storeu_ps(a, _mm256_add_ps(x, y));
  _mm256_storeu_ps(b, _mm256_sub_ps(x, y));
}

// Two steps at once, with half the loads and stores.
SL_INLINE void Butterfly4(float* a, size_t half) {
  const __m256 x0 = _mm256_loadu_ps(a);
  const __m256 x1 = _mm256_loadu_ps(a + half);
  const __m256 x2 = _mm256_loadu_ps(a + 2 * half);
  const __m256 x3 = _mm256_loadu_ps(a + 3 * half);
  const __m256 s01 = _mm256_add_ps(x0, x1);
  const __m256 d01 = _mm256_sub_ps(x0, x1);
  const __m256 s23 = _mm256_add_ps(x2, x3);
  const __m256 d23 = _mm256_sub_ps(x2, x3);
  _mm256_storeu_ps(a, _mm256_add_ps(s01, s23));
  _mm256_storeu_ps(a + half, _mm256_add_ps(d01, d23));
  _mm256_storeu_ps(a + 2 * half, _mm256_sub_ps(s01, s23));
  _mm256_storeu_ps(a + 3 * half, _mm256_sub_ps(d01, d23));
}

SL_TARGET void Hadamard(float* values, size_t n) {
  for (size_t i = 0; i < n; i += 8) {
    _mm256_storeu_ps(values + i, HadamardOf8(_mm256_loadu_ps(values + i)));
  }
  size_t half = 8;
  for (; half * 4 <= n; half *= 4) {
    for (size_t at = 0; at < n; at += 4 * half) {
      for (size_t i = at; i < at + half; i += 8) Butterfly4(values + i, half);
    }
  }
  for (; half < n; half *= 2) {
    for (size_t at = 0; at < n; at += 2 * half) {
      for (size_t i = at; i < at + half; i += 8) Butterfly(values + i, values + i + half);
    }
  }
}

SL_TARGET void FillTable(const float* values, size_t groups, uint8_t* entries, float* scale,
                         float* bias) {
  const __m256 zero = _mm256_setzero_ps();
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 widest = zero;
  __m256 lowest = zero;
  for (size_t i = 0; i < 4 * groups; i += 8) {
    const __m256 v = _mm256_loadu_ps(values + i);
    lowest = _mm256_add_ps(lowest, _mm256_min_ps(v, zero));
    __m256 width = _mm256_andnot_ps(sign, v);
    width = _mm256_hadd_ps(width, width);  // each lane: the sum of its four lanes
    width = _mm256_hadd_ps(width, width);
    widest = _mm256_max_ps(widest, width);
  }
  const float top = Max(widest);
  const __m256 inverse = _mm256_set1_ps(top > 0 ? kTableTop / top : 0);
  const __m256 has0 = _mm256_castsi256_ps(_mm256_setr_epi32(0, -1, 0, -1, 0, -1, 0, -1));
  const __m256 has1 = _mm256_castsi256_ps(_mm256_setr_epi32(0, 0, -1, -1, 0, 0, -1, -1));
  const __m256 has2 = _mm256_castsi256_ps(_mm256_setr_epi32(0, 0, 0, 0, -1, -1, -1, -1));
  const __m128i most = _mm_set1_epi8(kTableTop);
  for (size_t g = 0; g < groups; ++g) {
    const float* v = values + 4 * g;
    const __m128 low4 = _mm_min_ps(_mm_loadu_ps(v), _mm_setzero_ps());
    const __m128 low2 = _mm_add_ps(low4, _mm_movehl_ps(low4, low4));
    const __m128 low = _mm_add_ss(low2, _mm_movehdup_ps(low2));
    __m256 sums = _mm256_sub_ps(zero, _mm256_broadcastss_ps(low));
    sums = _mm256_add_ps(sums, _mm256_and_ps(has0, _mm256_broadcast_ss(v)));
    sums = _mm256_add_ps(sums, _mm256_and_ps(has1, _mm256_broadcast_ss(v + 1)));
    sums = _mm256_add_ps(sums, _mm256_and_ps(has2, _mm256_broadcast_ss(v + 2)));
    const __m256 more = _mm256_add_ps(sums, _mm256_broadcast_ss(v + 3));
    const __m256i first = _mm256_cvtps_epi32(_mm256_mul_ps(sums, inverse));
    const __m256i second = _mm256_cvtps_epi32(_mm256_mul_ps(more, inverse));
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(entries + 16 * g), _mm_min_epu8(bytes, most));
  }
  *scale = top / kTableTop;
  *bias = Sum(lowest);
}

SL_TARGET void Halve(const float* values, size_t n, uint16_t* halves) {
  const __m256i one = _mm256_set1_epi32(1);
  const __m256i half = _mm256_set1_epi32(0x7fff);
  for (size_t i = 0; i < n; i += 8) {
    const __m256i bits = _mm256_castps_si256(_mm256_loadu_ps(values + i));
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(half, odd));
    const __m256i upper = _mm256_srli_epi32(sum, 16);
    const __m128i packed =
        _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(halves + i), packed);
  }
}

SL_TARGET void Encode(const uint16_t* to, const float* from, const float* whole, size_t groups,
                      size_t lane, uint8_t* codes, DifferenceSums* out) {
  const __m256 zero = _mm256_setzero_ps();
  const __m256 sign = _mm256_set1_ps(-0.0f);
  const unsigned shift = lane < 16 ? 0 : 4;
  uint8_t* code = codes + (lane & 15);
  __m256 sizes = zero;
  __m256 squares = zero;
  __m256 along = zero;
  __m256 signs = zero;
  for (size_t i = 0; i < 4 * groups; i += 8, code += 32) {
    const __m256i halves =
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(to + i)));
    const __m256 start = _mm256_loadu_ps(from + i);
    const __m256 d = _mm256_sub_ps(_mm256_castsi256_ps(_mm256_slli_epi32(halves, 16)), start);
    const __m256 up = _mm256_cmp_ps(d, zero, _CMP_GE_OQ);
    sizes = _mm256_add_ps(sizes, _mm256_andnot_ps(sign, d));
    squares = _mm256_fmadd_ps(d, d, squares);
    along = _mm256_fmadd_ps(d, _mm256_loadu_ps(whole + i), along);
    signs = _mm256_add_ps(signs, _mm256_xor_ps(start, _mm256_andnot_ps(up, sign)));
    const unsigned bits = static_cast<unsigned>(_mm256_movemask_ps(up));
    code[0] = static_cast<uint8_t>(code[0] | (bits & 15) << shift);
    code[16] = static_cast<uint8_t>(code[16] | (bits >> 4) << shift);
  }
  *out = {Sum(sizes), Sum(squares), Sum(along), Sum(signs)};
}

// Moves entries [at, count) up by one, eight at a time from the end; entries after them may move
// too.
SL_INLINE void MakeRoom(void* list, size_t at, size_t count) {
  const auto place = [list](size_t i) {
    return reinterpret_cast<__m256i*>(static_cast<uint32_t*>(list) + i);
  };
  // Read before it is overwritten.
  const __m256i first = _mm256_loadu_si256(place(at));
  for (size_t end = count; end > at + 8; end -= 8) {
    _mm256_storeu_si256(place(end - 7), _mm256_loadu_si256(place(end - 8)));
  }
  _mm256_storeu_si256(place(at + 1), first);
}

SL_TARGET size_t Insert(float* distances, uint32_t* ids, size_t count, float distance,
                        uint32_t id) {
  const __m256 value = _mm256_set1_ps(distance);
  size_t at = 0;
  for (;; at += 8) {
    // Sorted: nearer and equal entries come first.
    const __m256 before = _mm256_cmp_ps(_mm256_loadu_ps(distances + at), value, _CMP_LE_OQ);
    const unsigned bits = static_cast<unsigned>(_mm256_movemask_ps(before));
    if (bits == 0xff) continue;
    at += static_cast<size_t>(__builtin_ctz(~bits));
    break;
  }
  MakeRoom(distances, at, count);
  MakeRoom(ids, at, count);
  distances[at] = distance;
  ids[at] = id;
  return at;
}

// Prefetches one line per call, through the three runs in turn.
struct Fetcher {
  const FetchAhead* ahead;
  size_t run = 0;
  size_t line = 0;
  SL_INLINE void Next() {
    if (run == 3) return;
    if (line < ahead->lines[run]) {
      _mm_prefetch(ahead->at[run] + 64 * line++, _MM_HINT_T0);
    } else {
      line = 0;
      ++run;
    }
  }
};

// Sums of bytes in 16-bit lanes, even and odd bytes apart.
struct Wide {
  __m256i even;
  __m256i odd;
  SL_INLINE void Clear() { even = odd = _mm256_setzero_si256(); }
  SL_INLINE void Add(__m256i bytes) {
    even = _mm256_add_epi16(even, _mm256_and_si256(bytes, _mm256_set1_epi16(0xff)));
    odd = _mm256_add_epi16(odd, _mm256_srli_epi16(bytes, 8));
  }
  // The halves are even and odd groups of the same lanes: their sums, 16 lanes in order.
  SL_INLINE __m256i Lanes() const {
    const __m128i e =
        _mm_add_epi16(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
    const __m128i o = _mm_add_epi16(_mm256_castsi256_si128(odd), _mm256_extracti128_si256(odd, 1));
    return _mm256_set_m128i(_mm_unpackhi_epi16(e, o), _mm_unpacklo_epi16(e, o));
  }
};

// Adds the table entries of `pairs` pairs of groups for all 32 lanes.
SL_INLINE void LookUp(const uint8_t* codes, const uint8_t* entries, size_t pairs, Fetcher* fetcher,
                      Wide* low, Wide* high) {
  const __m256i half = _mm256_set1_epi8(15);
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  for (size_t p = 0; p < pairs; ++p) {
    fetcher->Next();
    const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + 32 * p));
    const __m256i table = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(entries + 32 * p));
    a = _mm256_add_epi8(a, _mm256_shuffle_epi8(table, _mm256_and_si256(code, half)));
    b = _mm256_add_epi8(
        b, _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(code, 4), half)));
  }
  low->Add(a);
  high->Add(b);
}

SL_INLINE void AddLanes(const Wide& wide, __m256i* sums) {
  const __m256i lanes = wide.Lanes();
  sums[0] = _mm256_add_epi32(sums[0], _mm256_cvtepu16_epi32(_mm256_castsi256_si128(lanes)));
  sums[1] = _mm256_add_epi32(sums[1], _mm256_cvtepu16_epi32(_mm256_extracti128_si256(lanes, 1)));
}

SL_TARGET uint32_t Price(const SignTable& table, float total, const InlineBlock& block, float base,
                         float worst, const FetchAhead& ahead, float* distances) {
  Fetcher fetcher{&ahead};
  const uint8_t* codes = block.codes();
  __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                     _mm256_setzero_si256()};
  for (size_t g = 0; g < table.groups;) {
    const size_t end = g + kGroupsPerSum < table.groups ? g + kGroupsPerSum : table.groups;
    Wide low;
    Wide high;
    low.Clear();
    high.Clear();
    for (; g + 8 <= end; g += 8) {
      LookUp(codes + 16 * g, table.entries + 16 * g, 4, &fetcher, &low, &high);
    }
    if (g < end) {
      LookUp(codes + 16 * g, table.entries + 16 * g, (end - g) / 2, &fetcher, &low, &high);
    }
    g = end;
    AddLanes(low, sums);
    AddLanes(high, sums + 2);
  }
  const __m256 twice = _mm256_set1_ps(2 * table.scale);
  const __m256 constant = _mm256_set1_ps(2 * table.bias - total);
  const __m256 start = _mm256_set1_ps(base + block.offset_low);
  const __m256 offset_step = _mm256_set1_ps(block.offset_step);
  const __m256 slope_step = _mm256_set1_ps(block.slope_step);
  uint32_t below = 0;
  for (size_t part = 0; part < 4; ++part) {
    const __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[part]), twice, constant);
    const __m256 offset = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block.offset + 8 * part))));
    const __m256 slope = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block.slope + 8 * part))));
    __m256 distance = _mm256_fmadd_ps(offset_step, offset, start);
    distance = _mm256_fnmadd_ps(_mm256_mul_ps(slope_step, slope), sum, distance);
    _mm256_storeu_ps(distances + 8 * part, distance);
    const __m256 is_below = _mm256_cmp_ps(distance, _mm256_set1_ps(worst), _CMP_LT_OQ);
    below |= static_cast<uint32_t>(_mm256_movemask_ps(is_below)) << (8 * part);
  }
  // The remaining prefetches.
  while (fetcher.run < 3) fetcher.Next();
  return below;
}

}  // namespace

const InlineCodeKernels kAvx2InlineCodes = {Hadamard, FillTable, Halve, Encode, Insert, Price};

}  // namespace sightline
#endif
