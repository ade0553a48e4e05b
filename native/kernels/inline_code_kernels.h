// Kernels of inline codes (codes/inline_codes.h). As kernel_table.h, includes no standard headers.
//
// 32 neighbors are estimated at once ("fast scan": Andre, Kermarrec and Le Scouarnec,
// arXiv:1704.07355). Four signs of a neighbor's difference form a number of 4 bits; a table has the
// contribution of each of the 16 numbers to the sum, and one byte shuffle looks up 32 of them:
//
//   codes  group g: 16 bytes; byte i holds the 4 bits of lane i (low half) and of lane 16 + i
//          (high half)
//   table  group g: 16 bytes; entry c is the sum of those of the query's values 4g..4g+3 whose bit
//          is set in c, shifted and scaled to 0..kTableTop
#ifndef SIGHTLINE_KERNELS_INLINE_CODE_KERNELS_H_
#define SIGHTLINE_KERNELS_INLINE_CODE_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

namespace sightline {

constexpr size_t kLanes = 32;
// Four entries fit a byte, so that bytes are widened once per four look-ups. Rounding adds a
// hundredth of the deviation of 1-bit codes.
constexpr int kTableTop = 63;
// Groups whose entries fit the sum of 16 bits.
constexpr size_t kGroupsPerSum = 1024;

// Sum of the query over the set bits of a lane = scale * (its table entries) + bias.
struct SignTable {
  const uint8_t* entries = nullptr;  // 16 per group
  size_t groups = 0;                 // even
  float scale = 0;
  float bias = 0;
};

// The codes of 32 neighbors of one node.
//   distance(lane) = base + offset_low + offset_step * offset[lane]
//                    - slope_step * slope[lane] * (the lane's signed sum over the query)
struct InlineBlock {
  uint8_t offset[kLanes];
  uint8_t slope[kLanes];
  float offset_low;
  float offset_step;
  float slope_step;
  float unused;
  // 16 * groups bytes of codes follow.
  const uint8_t* codes() const { return reinterpret_cast<const uint8_t*>(this + 1); }
  uint8_t* codes() { return reinterpret_cast<uint8_t*>(this + 1); }
};

// What to prefetch meanwhile, a line per step. Prefetches beyond the end of memory are ignored.
struct FetchAhead {
  const char* at[3] = {};
  size_t lines[3] = {};
};

struct DifferenceSums {
  float sizes;    // of |d|
  float squares;  // of d^2
  float along;    // of d * whole
  float signs;    // of `from`, under the signs of d
};

// From bfloat16: sign, exponent and seven bits of the significand.
inline float FromHalf(uint16_t half) {
  const union {
    uint32_t bits;
    float value;
  } wide = {static_cast<uint32_t>(half) << 16};
  return wide.value;
}

// Values beyond the end of a list that `insert` may move too.
constexpr size_t kListSlack = 16;

struct InlineCodeKernels {
  // Hadamard transform in place, not scaled. n: a power of two, >= 8.
  void (*hadamard)(float* values, size_t n);
  // Fills entries (16 bytes per group) for `values`, 4 * groups of them, groups even.
  void (*fill_table)(const float* values, size_t groups, uint8_t* entries, float* scale,
                     float* bias);
  // Rounds floats to bfloat16, to nearest. n: a multiple of 8.
  void (*halve)(const float* values, size_t n, uint16_t* halves);
  // Codes one lane from the signs of d = `to` - `from`, and computes sums over d. The lane of
  // `codes` must be zero.
  void (*encode)(const uint16_t* to, const float* from, const float* whole, size_t groups,
                 size_t lane, uint8_t* codes, DifferenceSums* sums);
  // Inserts into a list sorted by distance, after equal ones; returns the place. `distances` has
  // `count` entries followed by kListSlack infinite ones, `ids` room for as many.
  size_t (*insert)(float* distances, uint32_t* ids, size_t count, float distance, uint32_t id);
  // Writes 32 distances; bit l of the result: the distance of lane l is below `worst`.
  // total: sum of the query's values.
  uint32_t (*price)(const SignTable& table, float total, const InlineBlock& block, float base,
                    float worst, const FetchAhead& ahead, float* distances);
};

extern const InlineCodeKernels kScalarInlineCodes;
#if defined(__x86_64__) || defined(_M_X64)
extern const InlineCodeKernels kAvx2InlineCodes;
extern const InlineCodeKernels kAvx512InlineCodes;
#elif defined(__wasm_simd128__)
extern const InlineCodeKernels kWasmInlineCodes;
#endif

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_INLINE_CODE_KERNELS_H_
