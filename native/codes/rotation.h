// A random orthogonal map that costs n log n: what was in one coordinate is in all afterwards.
#ifndef SIGHTLINE_CODES_ROTATION_H_
#define SIGHTLINE_CODES_ROTATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace sightline {

// Passes of random signs and a Hadamard transform. Lengths and angles stay as they are. Where the
// padded length is no power of two, passes run over its first and its last 2^p values in turn. Each
// has signs of its own: two transforms of nearly the same values would otherwise undo each other.
class Rotation {
 public:
  // multiple: what the padded length is a multiple of; a power of two, >= 8.
  Rotation(const KernelTable* kernels, size_t dim, uint64_t seed, size_t multiple = 64);

  // `dim` rounded up.
  size_t padded() const { return padded_; }
  // values: padded() floats, those from dim on are zero. In place.
  void Apply(float* values) const;

 private:
  const KernelTable* kernels_;
  size_t padded_;
  size_t power_;  // largest power of two that fits
  size_t passes_;
  std::vector<float> factors_;  // per pass and value: a random sign and what keeps the length
};

}  // namespace sightline

#endif  // SIGHTLINE_CODES_ROTATION_H_
