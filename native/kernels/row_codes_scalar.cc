// Portable kernels for codes of rows: the reference the others are checked against at load.
//
// Instructions  the baseline of the architecture.
// Error         integers: none. Halves: eight running sums in floats, as in scalar.cc.
#include <string.h>

#include "kernels/row_code_kernels.h"

namespace sightline {
namespace {

constexpr size_t kBlock = 32;  // bytes
constexpr size_t kLanes = 8;

size_t RowAt(const uint32_t* rows, size_t i) { return rows != nullptr ? rows[i] : i; }

void Pairs(const int8_t* query, const CodeRows& codes, const uint32_t* rows, size_t n,
           int32_t* out) {
  for (size_t i = 0; i < n; ++i) {
    const unsigned char* code = codes.base + RowAt(rows, i) * codes.stride;
    const int8_t* part = query;
    int32_t sum = 0;
    for (size_t b = 0; b < codes.blocks; b += 2) {
      const size_t bytes = b + 2 <= codes.blocks ? 32 : 16;
      for (size_t j = 0; j < bytes; ++j) {
        for (size_t f = 0; f < 4; ++f) sum += part[bytes * f + j] * ((code[j] >> (2 * f)) & 3);
      }
      code += bytes;
      part += 4 * bytes;
    }
    out[i] = sum;
  }
}

void Nibbles(const int8_t* query, const CodeRows& codes, const uint32_t* rows, size_t n,
             int32_t* out) {
  for (size_t i = 0; i < n; ++i) {
    const unsigned char* code = codes.base + RowAt(rows, i) * codes.stride;
    const int8_t* part = query;
    int32_t sum = 0;
    for (size_t b = 0; b < codes.blocks; ++b, code += kBlock, part += 2 * kBlock) {
      for (size_t j = 0; j < kBlock; ++j) {
        sum += part[j] * (code[j] & 15) + part[kBlock + j] * (code[j] >> 4);
      }
    }
    out[i] = sum;
  }
}

void Bytes(const int8_t* query, const CodeRows& codes, const uint32_t* rows, size_t n,
           int32_t* out) {
  for (size_t i = 0; i < n; ++i) {
    const unsigned char* code = codes.base + RowAt(rows, i) * codes.stride;
    int32_t sum = 0;
    for (size_t j = 0; j < codes.blocks * kBlock; ++j) sum += query[j] * code[j];
    out[i] = sum;
  }
}

// Halves have 5 bits of exponent (bias 15) and 10 of fraction; infinities and NaN do not occur.
float ToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half >> 15) << 31;
  const uint32_t rest = half & 0x7fffu;
  float value;
  if (rest < 0x400) {  // zero or subnormal: a multiple of 2^-24
    value = static_cast<float>(rest) * 0x1p-24f;
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bits |= sign;
    memcpy(&value, &bits, sizeof(value));
    return value;
  }
  const uint32_t bits = sign | ((rest << 13) + ((127u - 15u) << 23));
  memcpy(&value, &bits, sizeof(value));
  return value;
}

void Halves(const float* query, const CodeRows& codes, const uint32_t* rows, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) {
    const unsigned char* code = codes.base + RowAt(rows, i) * codes.stride;
    float sums[kLanes] = {};
    for (size_t d = 0; d < codes.blocks * kBlock / 2; d += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        uint16_t half;
        memcpy(&half, code + 2 * (d + lane), sizeof(half));
        sums[lane] += query[d + lane] * ToFloat(half);
      }
    }
    out[i] =
        ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  }
}

}  // namespace

const RowCodeKernels kScalarRowCodes = {Pairs, Nibbles, Bytes, Halves};

}  // namespace sightline
