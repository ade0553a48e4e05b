#include "codes/encode.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace sightline {
namespace {

// Quantization steps tried per row, in standard deviations of its values. The optimum of 16 levels
// for a normal distribution is 0.335 (Max, 1960).
constexpr float kSteps[] = {0.28f, 0.32f, 0.36f, 0.42f};
// The optimum of four levels.
constexpr float kPairStep = 0.996f;
constexpr size_t kLanes = 8;  // running sums, so that the compiler can vectorize

// The level of `value`, clamped to 0..levels - 1 and rounded down.
template <int kLevels>
int Level(float value, float inverse_step) {
  constexpr float kTop = kLevels - 0.5f;
  constexpr int kMiddle = kLevels / 2;
  return static_cast<int>(std::min(kTop, std::max(0.0f, value * inverse_step + kMiddle)));
}

// <r, v> and <v, v>, where v are the levels minus their middle.
struct Fit {
  float rv = 0;
  float vv = 0;
};

template <int kLevels>
Fit FitOf(const float* values, size_t n, float inverse_step) {
  constexpr float kMiddle = (kLevels - 1) / 2.0f;
  float rv[kLanes] = {};
  float vv[kLanes] = {};
  for (size_t i = 0; i < n; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      const float v = static_cast<float>(Level<kLevels>(values[i + j], inverse_step)) - kMiddle;
      rv[j] += values[i + j] * v;
      vv[j] += v * v;
    }
  }
  Fit fit;
  for (size_t j = 0; j < kLanes; ++j) {
    fit.rv += rv[j];
    fit.vv += vv[j];
  }
  return fit;
}

Encoded Scaled(const Fit& fit, double squared) {
  Encoded encoded;
  if (!(fit.rv > 0)) return encoded;
  encoded.scale = static_cast<float>(squared / fit.rv);
  encoded.error =
      std::max(0.0f, encoded.scale * encoded.scale * fit.vv - static_cast<float>(squared));
  return encoded;
}

// |value| <= 2; rounds to nearest, ties to even.
uint16_t ToHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t sign = (bits >> 16) & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits < (127u - 14u) << 23) {  // subnormal as a half: a multiple of 2^-24
    const float magnitude = std::fabs(value) * 0x1p24f;
    return static_cast<uint16_t>(sign | static_cast<uint32_t>(std::nearbyint(magnitude)));
  }
  bits += 0xfffu + ((bits >> 13) & 1);
  return static_cast<uint16_t>(sign | ((bits >> 13) - ((127u - 15u) << 10)));
}

float LargestOf(const float* values, size_t n) {
  float largest[kLanes] = {};
  for (size_t i = 0; i < n; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      largest[j] = std::max(largest[j], std::fabs(values[i + j]));
    }
  }
  return *std::max_element(largest, largest + kLanes);
}

}  // namespace

Encoded EncodePairs(const float* values, size_t n, double squared, unsigned char* out) {
  const float deviation = static_cast<float>(std::sqrt(squared / static_cast<double>(n)));
  const float inverse = deviation > 0 ? 1.0f / (kPairStep * deviation) : 0.0f;
  for (size_t at = 0; at < n;) {
    const size_t bytes = at + 128 <= n ? 32 : 16;  // two blocks, or the last alone
    for (size_t j = 0; j < bytes; ++j, ++out) {
      int byte = 0;
      for (size_t f = 0; f < 4; ++f) {
        byte |= Level<4>(values[at + bytes * f + j], inverse) << (2 * f);
      }
      *out = static_cast<unsigned char>(byte);
    }
    at += 4 * bytes;
  }
  return Scaled(FitOf<4>(values, n, inverse), squared);
}

Encoded EncodeNibbles(const float* values, size_t n, double squared, unsigned char* out) {
  const float deviation = static_cast<float>(std::sqrt(squared / static_cast<double>(n)));
  Fit best;
  float quality = 0;  // (<r, v>)^2 / <v, v>: the step that fits r's direction best
  float inverse = 0;
  for (const float step : kSteps) {
    if (!(deviation > 0)) break;
    const Fit fit = FitOf<16>(values, n, 1.0f / (step * deviation));
    if (!(fit.rv * fit.rv / fit.vv > quality)) continue;
    quality = fit.rv * fit.rv / fit.vv;
    inverse = 1.0f / (step * deviation);
    best = fit;
  }
  for (size_t at = 0; at < n; at += 64) {
    for (size_t j = 0; j < 32; ++j) {
      *out++ = static_cast<unsigned char>(Level<16>(values[at + j], inverse) |
                                          Level<16>(values[at + 32 + j], inverse) << 4);
    }
  }
  return Scaled(best, squared);
}

Encoded EncodeBytes(const float* values, size_t n, double squared, unsigned char* out) {
  const float largest = LargestOf(values, n);
  // No value is clamped: with so many levels the step is small enough.
  const float inverse = largest > 0 ? 63.5f / largest : 0.0f;
  for (size_t i = 0; i < n; ++i) {
    out[i] = static_cast<unsigned char>(Level<128>(values[i], inverse));
  }
  return Scaled(FitOf<128>(values, n, inverse), squared);
}

float EncodeHalves(const float* values, size_t n, unsigned char* out) {
  int exponent = 0;
  (void)std::frexp(LargestOf(values, n), &exponent);
  // Halves have a small range, rows any length. Scaling by a power of two is exact.
  const float scale = std::ldexp(1.0f, std::max(-125, exponent - 1));
  const float inverse = 1.0f / scale;
  for (size_t i = 0; i < n; ++i) {
    const uint16_t half = ToHalf(values[i] * inverse);
    std::memcpy(out + 2 * i, &half, sizeof(half));
  }
  return scale;
}

}  // namespace sightline
