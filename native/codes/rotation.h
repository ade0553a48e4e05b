// A random orthogonal map that costs n log n: what was in one coordinate is in all afterwards.
#ifndef SIGHTLINE_CODES_ROTATION_H_
#define SIGHTLINE_CODES_ROTATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sightline {

// Rounds of random signs and a Hadamard transform. Lengths and angles stay as they are. Where the
// padded length is no power of two, the transform runs over its first and then over its last 2^p
// values, which overlap.
class Rotation {
 public:
  Rotation(size_t dim, uint64_t seed);

  // `dim` rounded up to 64.
  size_t padded() const { return padded_; }
  // values: padded() floats, those from dim on are zero. In place.
  void Apply(float* values) const;

 private:
  size_t padded_;
  size_t power_;              // largest power of two that fits
  std::vector<float> signs_;  // +1 or -1, padded_ per round
};

}  // namespace sightline

#endif  // SIGHTLINE_CODES_ROTATION_H_
