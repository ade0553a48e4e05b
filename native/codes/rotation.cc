#include "codes/rotation.h"

#include <cmath>

#include "core/aligned.h"
#include "core/rng.h"

namespace sightline {
namespace {

// One round leaves a vector with few large values in a few large values; two do not.
constexpr size_t kRounds = 2;

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
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(n)));
  for (size_t i = 0; i < n; ++i) values[i] *= scale;
}

}  // namespace

Rotation::Rotation(size_t dim, uint64_t seed) : padded_(RoundUp(dim, 64)), power_(64) {
  while (power_ * 2 <= padded_) power_ *= 2;
  Rng rng(seed);
  signs_.resize(kRounds * padded_);
  for (float& sign : signs_) sign = (rng.Next() >> 63) != 0 ? 1.0f : -1.0f;
}

void Rotation::Apply(float* values) const {
  const float* sign = signs_.data();
  for (size_t round = 0; round < kRounds; ++round, sign += padded_) {
    for (size_t i = 0; i < padded_; ++i) values[i] *= sign[i];
    Hadamard(values, power_);
    if (power_ < padded_) Hadamard(values + (padded_ - power_), power_);
  }
}

}  // namespace sightline
