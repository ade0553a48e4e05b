// A random rotation in O(n log n), which spreads each coordinate over all.
#ifndef SIGHTLINE_CODES_ROTATION_H_
#define SIGHTLINE_CODES_ROTATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace sightline {

// Passes of random signs and a Hadamard transform, which preserve lengths and angles. If the padded
// length is no power of two, passes alternate between its first and last 2^p values. Each has its
// own signs: two transforms of nearly the same values would otherwise cancel.
class Rotation {
 public:
  // multiple: divides the padded length; a power of two, >= 8.
  Rotation(const KernelTable* kernels, size_t dim, uint64_t seed, size_t multiple = 64);

  // `dim` rounded up.
  size_t padded() const { return padded_; }
  // values: padded() floats, zero from dim on. In place.
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
