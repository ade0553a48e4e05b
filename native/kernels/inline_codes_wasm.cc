// WebAssembly kernels of inline codes.
//
// Instructions  fixed-width SIMD (simd128).
// Alignment     none assumed.
// Agreement     with scalar: codes to the bit, table entries to one unit, distances to rounding.
#include "kernels/inline_code_kernels.h"
#include "kernels/tables.h"

#ifdef SL_WASM
#include <wasm_simd128.h>

#define SL_INLINE __attribute__((always_inline)) inline

namespace sightline {
namespace {

SL_INLINE float Sum(v128_t v) {
  return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 2)) +
         (wasm_f32x4_extract_lane(v, 1) + wasm_f32x4_extract_lane(v, 3));
}

// Pairs at distance 1 and 2 lie within a register: swap, then sum in one half, difference in the
// other.
SL_INLINE v128_t HadamardOf4(v128_t v) {
  v128_t swapped = wasm_i32x4_shuffle(v, v, 1, 0, 3, 2);
  v = wasm_i32x4_shuffle(wasm_f32x4_add(v, swapped), wasm_f32x4_sub(swapped, v), 0, 5, 2, 7);
  swapped = wasm_i32x4_shuffle(v, v, 2, 3, 0, 1);
  return wasm_i32x4_shuffle(wasm_f32x4_add(v, swapped), wasm_f32x4_sub(swapped, v), 0, 1, 6, 7);
}

void Hadamard(float* values, size_t n) {
  for (size_t i = 0; i < n; i += 4) {
    wasm_v128_store(values + i, HadamardOf4(wasm_v128_load(values + i)));
  }
  for (size_t half = 4; half < n; half *= 2) {
    for (size_t at = 0; at < n; at += 2 * half) {
      for (size_t i = at; i < at + half; i += 4) {
        const v128_t a = wasm_v128_load(values + i);
        const v128_t b = wasm_v128_load(values + i + half);
        wasm_v128_store(values + i, wasm_f32x4_add(a, b));
        wasm_v128_store(values + i + half, wasm_f32x4_sub(a, b));
      }
    }
  }
}

void FillTable(const float* values, size_t groups, uint8_t* entries, float* scale, float* bias) {
  const v128_t zero = wasm_f32x4_const_splat(0);
  float widest = 0;
  v128_t lowest = zero;
  for (size_t g = 0; g < groups; ++g) {
    const v128_t v = wasm_v128_load(values + 4 * g);
    lowest = wasm_f32x4_add(lowest, wasm_f32x4_pmin(v, zero));
    const float width = Sum(wasm_f32x4_abs(v));
    widest = width > widest ? width : widest;
  }
  const v128_t inverse = wasm_f32x4_splat(widest > 0 ? kTableTop / widest : 0);
  const v128_t has0 = wasm_i32x4_const(0, -1, 0, -1);
  const v128_t has1 = wasm_i32x4_const(0, 0, -1, -1);
  const v128_t half = wasm_f32x4_const_splat(0.5f);
  const v128_t most = wasm_i8x16_const_splat(kTableTop);
  const auto whole = [&](v128_t sums) {
    const v128_t entry = wasm_f32x4_add(wasm_f32x4_mul(sums, inverse), half);
    return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_pmax(entry, zero));
  };
  for (size_t g = 0; g < groups; ++g) {
    const float* v = values + 4 * g;
    const float low = Sum(wasm_f32x4_pmin(wasm_v128_load(v), zero));
    v128_t sums = wasm_f32x4_splat(-low);
    sums = wasm_f32x4_add(sums, wasm_v128_and(has0, wasm_f32x4_splat(v[0])));
    sums = wasm_f32x4_add(sums, wasm_v128_and(has1, wasm_f32x4_splat(v[1])));
    const v128_t third = wasm_f32x4_splat(v[2]);
    const v128_t fourth = wasm_f32x4_splat(v[3]);
    const v128_t with2 = wasm_f32x4_add(sums, third);
    const v128_t words01 = wasm_i16x8_narrow_i32x4(whole(sums), whole(with2));
    const v128_t words23 = wasm_i16x8_narrow_i32x4(whole(wasm_f32x4_add(sums, fourth)),
                                                   whole(wasm_f32x4_add(with2, fourth)));
    const v128_t bytes = wasm_u8x16_narrow_i16x8(words01, words23);
    wasm_v128_store(entries + 16 * g, wasm_u8x16_min(bytes, most));
  }
  *scale = widest / kTableTop;
  *bias = Sum(lowest);
}

void Halve(const float* values, size_t n, uint16_t* halves) {
  const v128_t one = wasm_i32x4_const_splat(1);
  const v128_t half = wasm_i32x4_const_splat(0x7fff);
  const auto upper = [&](const float* at) {
    const v128_t bits = wasm_v128_load(at);
    const v128_t odd = wasm_v128_and(wasm_u32x4_shr(bits, 16), one);
    return wasm_u32x4_shr(wasm_i32x4_add(bits, wasm_i32x4_add(half, odd)), 16);
  };
  for (size_t i = 0; i < n; i += 8) {
    wasm_v128_store(halves + i, wasm_u16x8_narrow_i32x4(upper(values + i), upper(values + i + 4)));
  }
}

void Encode(const uint16_t* to, const float* from, const float* whole, size_t groups, size_t lane,
            uint8_t* codes, DifferenceSums* out) {
  const v128_t zero = wasm_f32x4_const_splat(0);
  const v128_t sign = wasm_i32x4_const_splat(static_cast<int32_t>(0x80000000u));
  const unsigned shift = lane < 16 ? 0 : 4;
  uint8_t* code = codes + (lane & 15);
  v128_t sizes = zero;
  v128_t squares = zero;
  v128_t along = zero;
  v128_t signs = zero;
  for (size_t i = 0; i < 4 * groups; i += 4, code += 16) {
    const v128_t start = wasm_v128_load(from + i);
    const v128_t end = wasm_i32x4_shl(wasm_u32x4_load16x4(to + i), 16);
    const v128_t d = wasm_f32x4_sub(end, start);
    const v128_t up = wasm_f32x4_ge(d, zero);
    sizes = wasm_f32x4_add(sizes, wasm_f32x4_abs(d));
    squares = wasm_f32x4_add(squares, wasm_f32x4_mul(d, d));
    along = wasm_f32x4_add(along, wasm_f32x4_mul(d, wasm_v128_load(whole + i)));
    signs = wasm_f32x4_add(signs, wasm_v128_xor(start, wasm_v128_andnot(sign, up)));
    *code = static_cast<uint8_t>(*code | wasm_i32x4_bitmask(up) << shift);
  }
  *out = {Sum(sizes), Sum(squares), Sum(along), Sum(signs)};
}

// Moves entries [at, count) up by one, four at a time from the end; what follows them may move too.
SL_INLINE void MakeRoom(void* list, size_t at, size_t count) {
  uint32_t* place = static_cast<uint32_t*>(list);
  // Read before the others are written over it.
  const v128_t first = wasm_v128_load(place + at);
  for (size_t end = count; end > at + 4; end -= 4) {
    wasm_v128_store(place + end - 3, wasm_v128_load(place + end - 4));
  }
  wasm_v128_store(place + at + 1, first);
}

size_t Insert(float* distances, uint32_t* ids, size_t count, float distance, uint32_t id) {
  const v128_t value = wasm_f32x4_splat(distance);
  size_t at = 0;
  // Sorted: those that are not farther come first. Behind the last all are.
  while (distances[at + kListSlack - 1] <= distance) at += kListSlack;
  for (;; at += 4) {
    const unsigned bits = wasm_i32x4_bitmask(wasm_f32x4_le(wasm_v128_load(distances + at), value));
    if (bits == 15) continue;
    at += static_cast<size_t>(__builtin_ctz(~bits));
    break;
  }
  MakeRoom(distances, at, count);
  MakeRoom(ids, at, count);
  distances[at] = distance;
  ids[at] = id;
  return at;
}

// Adds table look-ups of `count` <= 4 groups for all 32 lanes, eight to a register.
SL_INLINE void LookUp(const uint8_t* codes, const uint8_t* entries, size_t count, v128_t* sums) {
  const v128_t half = wasm_i8x16_const_splat(15);
  v128_t a = wasm_i8x16_const_splat(0);
  v128_t b = a;
  for (size_t g = 0; g < count; ++g) {
    const v128_t code = wasm_v128_load(codes + 16 * g);
    const v128_t table = wasm_v128_load(entries + 16 * g);
    a = wasm_i8x16_add(a, wasm_i8x16_swizzle(table, wasm_v128_and(code, half)));
    b = wasm_i8x16_add(b, wasm_i8x16_swizzle(table, wasm_u8x16_shr(code, 4)));
  }
  sums[0] = wasm_i16x8_add(sums[0], wasm_u16x8_extend_low_u8x16(a));
  sums[1] = wasm_i16x8_add(sums[1], wasm_u16x8_extend_high_u8x16(a));
  sums[2] = wasm_i16x8_add(sums[2], wasm_u16x8_extend_low_u8x16(b));
  sums[3] = wasm_i16x8_add(sums[3], wasm_u16x8_extend_high_u8x16(b));
}

SL_INLINE v128_t FourBytes(const uint8_t* at) {
  const v128_t bytes = wasm_v128_load32_zero(at);
  return wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes)));
}

uint32_t Price(const SignTable& table, float total, const InlineBlock& block, float base,
               float worst, const FetchAhead&, float* distances) {
  const uint8_t* codes = block.codes();
  v128_t all[8];
  for (v128_t& sum : all) sum = wasm_i32x4_const_splat(0);
  for (size_t g = 0; g < table.groups;) {
    const size_t end = g + kGroupsPerSum < table.groups ? g + kGroupsPerSum : table.groups;
    v128_t sums[4];
    for (v128_t& sum : sums) sum = wasm_i32x4_const_splat(0);
    for (; g + 4 <= end; g += 4) LookUp(codes + 16 * g, table.entries + 16 * g, 4, sums);
    if (g < end) LookUp(codes + 16 * g, table.entries + 16 * g, end - g, sums);
    g = end;
    for (size_t s = 0; s < 4; ++s) {
      all[2 * s] = wasm_i32x4_add(all[2 * s], wasm_u32x4_extend_low_u16x8(sums[s]));
      all[2 * s + 1] = wasm_i32x4_add(all[2 * s + 1], wasm_u32x4_extend_high_u16x8(sums[s]));
    }
  }
  const v128_t twice = wasm_f32x4_splat(2 * table.scale);
  const v128_t constant = wasm_f32x4_splat(2 * table.bias - total);
  const v128_t start = wasm_f32x4_splat(base + block.offset_low);
  const v128_t offset_step = wasm_f32x4_splat(block.offset_step);
  const v128_t slope_step = wasm_f32x4_splat(block.slope_step);
  const v128_t limit = wasm_f32x4_splat(worst);
  uint32_t below = 0;
  for (size_t part = 0; part < 8; ++part) {
    const v128_t sum =
        wasm_f32x4_add(wasm_f32x4_mul(wasm_f32x4_convert_u32x4(all[part]), twice), constant);
    const v128_t slope = wasm_f32x4_mul(slope_step, FourBytes(block.slope + 4 * part));
    v128_t distance =
        wasm_f32x4_add(wasm_f32x4_mul(offset_step, FourBytes(block.offset + 4 * part)), start);
    distance = wasm_f32x4_sub(distance, wasm_f32x4_mul(slope, sum));
    wasm_v128_store(distances + 4 * part, distance);
    below |= static_cast<uint32_t>(wasm_i32x4_bitmask(wasm_f32x4_lt(distance, limit)))
             << (4 * part);
  }
  return below;
}

}  // namespace

const InlineCodeKernels kWasmInlineCodes = {Hadamard, FillTable, Halve, Encode, Insert, Price};

}  // namespace sightline
#endif
