// Portable kernels of inline codes: the reference for the others.
#include "kernels/inline_code_kernels.h"

namespace sightline {
namespace {

void Hadamard(float* values, size_t n) {
  for (size_t half = 1; half < n; half *= 2) {
    for (size_t at = 0; at < n; at += 2 * half) {
      float* a = values + at;
      float* b = a + half;
      for (size_t i = 0; i < half; ++i) {
        const float sum = a[i] + b[i];
        b[i] = a[i] - b[i];
        a[i] = sum;
      }
    }
  }
}

void FillTable(const float* values, size_t groups, uint8_t* entries, float* scale, float* bias) {
  float widest = 0;
  float lowest = 0;  // the sum represented by zero entries
  for (size_t g = 0; g < groups; ++g) {
    float width = 0;
    for (size_t b = 0; b < 4; ++b) {
      const float value = values[4 * g + b];
      width += value < 0 ? -value : value;
      lowest += value < 0 ? value : 0;
    }
    if (width > widest) widest = width;
  }
  const float inverse = widest > 0 ? kTableTop / widest : 0;
  for (size_t g = 0; g < groups; ++g) {
    float sums[16];
    sums[0] = 0;
    for (size_t b = 0; b < 4; ++b) sums[0] -= values[4 * g + b] < 0 ? values[4 * g + b] : 0;
    for (size_t c = 1; c < 16; ++c) {
      size_t bit = 0;
      while ((c >> bit & 1) == 0) ++bit;
      sums[c] = sums[c & (c - 1)] + values[4 * g + bit];
    }
    for (size_t c = 0; c < 16; ++c) {
      const float entry = sums[c] * inverse + 0.5f;
      // Rounding may leave an entry slightly out of range.
      const int whole = entry > 0 ? static_cast<int>(entry) : 0;
      entries[16 * g + c] = static_cast<uint8_t>(whole < kTableTop ? whole : kTableTop);
    }
  }
  *scale = widest / kTableTop;
  *bias = lowest;
}

void Halve(const float* values, size_t n, uint16_t* halves) {
  for (size_t i = 0; i < n; ++i) {
    union {
      float value;
      uint32_t bits;
    } wide = {values[i]};
    // Round to nearest, ties to even.
    halves[i] = static_cast<uint16_t>((wide.bits + 0x7fff + (wide.bits >> 16 & 1)) >> 16);
  }
}

void Encode(const uint16_t* to, const float* from, const float* whole, size_t groups, size_t lane,
            uint8_t* codes, DifferenceSums* out) {
  const unsigned shift = lane < 16 ? 0 : 4;
  float sums[4][8] = {};
  for (size_t g = 0; g < groups; ++g) {
    unsigned bits = 0;
    for (size_t b = 0; b < 4; ++b) {
      const size_t i = 4 * g + b;
      const float d = FromHalf(to[i]) - from[i];
      const bool up = d >= 0;
      sums[0][i & 7] += up ? d : -d;
      sums[1][i & 7] += d * d;
      sums[2][i & 7] += d * whole[i];
      sums[3][i & 7] += up ? from[i] : -from[i];
      bits |= static_cast<unsigned>(up) << b;
    }
    uint8_t& code = codes[16 * g + (lane & 15)];
    code = static_cast<uint8_t>(code | bits << shift);
  }
  float totals[4] = {};
  for (size_t s = 0; s < 4; ++s) {
    for (size_t i = 0; i < 8; ++i) totals[s] += sums[s][i];
  }
  *out = {totals[0], totals[1], totals[2], totals[3]};
}

size_t Insert(float* distances, uint32_t* ids, size_t count, float distance, uint32_t id) {
  size_t at = count;
  for (; at > 0 && distances[at - 1] > distance; --at) {
    distances[at] = distances[at - 1];
    ids[at] = ids[at - 1];
  }
  distances[at] = distance;
  ids[at] = id;
  return at;
}

uint32_t Price(const SignTable& table, float total, const InlineBlock& block, float base,
               float worst, const FetchAhead&, float* distances) {
  uint32_t sums[kLanes] = {};
  const uint8_t* codes = block.codes();
  for (size_t g = 0; g < table.groups; ++g) {
    const uint8_t* entries = table.entries + 16 * g;
    for (size_t i = 0; i < 16; ++i) {
      const unsigned code = codes[16 * g + i];
      sums[i] += entries[code & 15];
      sums[16 + i] += entries[code >> 4];
    }
  }
  uint32_t below = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    // Twice the sum over set bits minus all: set bits count +1, others -1.
    const float sum = 2 * (table.scale * static_cast<float>(sums[lane]) + table.bias) - total;
    distances[lane] = base + block.offset_low + block.offset_step * block.offset[lane] -
                      block.slope_step * block.slope[lane] * sum;
    below |= static_cast<uint32_t>(distances[lane] < worst) << lane;
  }
  return below;
}

}  // namespace

const InlineCodeKernels kScalarInlineCodes = {Hadamard, FillTable, Halve, Encode, Insert, Price};

}  // namespace sightline
