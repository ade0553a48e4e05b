// Encodes a row's difference r to the centre in few bits per value.
//
//     pairs    r ~ scale * (u - 1.5),   u in 0..3      r rotated first
//     nibbles  r ~ scale * (u - 7.5),   u in 0..15     r rotated first
//     bytes    r ~ scale * (u - 63.5),  u in 0..127    r rotated first
//     halves   r ~ scale * h,           h a half float, scale a power of two
//
// With scale such that <r, approximation> = <r, r>, estimates of <q, r> are unbiased.
#ifndef SIGHTLINE_CODES_ENCODE_H_
#define SIGHTLINE_CODES_ENCODE_H_

#include <cstddef>

namespace sightline {

enum class CodeKind { kNibbles, kBytes, kHalves };

// Values in a block of 32 bytes, see row_code_kernels.h.
constexpr size_t ValuesInBlock(CodeKind kind) {
  return kind == CodeKind::kNibbles ? 64 : kind == CodeKind::kBytes ? 32 : 16;
}
// Subtracted from a level before scaling.
constexpr float MiddleOf(CodeKind kind) {
  return kind == CodeKind::kNibbles ? 7.5f : kind == CodeKind::kBytes ? 63.5f : 0.0f;
}

struct Encoded {
  float scale = 0;
  float error = 0;  // squared length of the quantization error
};

// Encodes `values`: n floats (whole blocks) with squared length `squared`.
Encoded EncodePairs(const float* values, size_t n, double squared, unsigned char* out);
Encoded EncodeNibbles(const float* values, size_t n, double squared, unsigned char* out);
Encoded EncodeBytes(const float* values, size_t n, double squared, unsigned char* out);
// Returns the scale. Rounding is at most half a unit in the last place; its mean square is 2^-21 /
// 12 of the value's square.
float EncodeHalves(const float* values, size_t n, unsigned char* out);

}  // namespace sightline

#endif  // SIGHTLINE_CODES_ENCODE_H_
