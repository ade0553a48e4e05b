// One row's code: the ways to write few bits for a row's difference r to the centre.
//
//     pairs    r ~ scale * (u - 1.5),   u in 0..3      r rotated first
//     nibbles  r ~ scale * (u - 7.5),   u in 0..15     r rotated first
//     bytes    r ~ scale * (u - 63.5),  u in 0..127    r rotated first
//     halves   r ~ scale * h,           h a half float, scale a power of two
//
// scale is such that <r, its approximation> = <r, r>, which makes estimates of <q, r> unbiased.
#ifndef SIGHTLINE_CODES_ENCODE_H_
#define SIGHTLINE_CODES_ENCODE_H_

#include <cstddef>

namespace sightline {

enum class CodeKind { kNibbles, kBytes, kHalves };

// Values in a block of 32 bytes, see row_code_kernels.h.
constexpr size_t ValuesInBlock(CodeKind kind) {
  return kind == CodeKind::kNibbles ? 64 : kind == CodeKind::kBytes ? 32 : 16;
}
// What is taken off a level before it is scaled.
constexpr float MiddleOf(CodeKind kind) {
  return kind == CodeKind::kNibbles ? 7.5f : kind == CodeKind::kBytes ? 63.5f : 0.0f;
}

struct Encoded {
  float scale = 0;
  float error = 0;  // squared length of what the code gets wrong
};

// Writes the code of `values`, n floats (whole blocks) with squared length `squared`.
Encoded EncodePairs(const float* values, size_t n, double squared, unsigned char* out);
Encoded EncodeNibbles(const float* values, size_t n, double squared, unsigned char* out);
Encoded EncodeBytes(const float* values, size_t n, double squared, unsigned char* out);
// Gives the scale. A value is off by half a unit of its last place at most: its square by a 2^-21 /
// 12 of the value's own on average.
float EncodeHalves(const float* values, size_t n, unsigned char* out);

}  // namespace sightline

#endif  // SIGHTLINE_CODES_ENCODE_H_
