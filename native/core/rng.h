// Seeded random numbers: the same sequence on every machine and compiler, unlike <random>'s
// distributions. Not for secrets.
#ifndef SIGHTLINE_CORE_RNG_H_
#define SIGHTLINE_CORE_RNG_H_

#include <cmath>
#include <cstdint>

namespace sightline {

// One step of splitmix64, a 64-bit mixer. SplitMix64(seed ^ row) depends on the row alone, not on
// the order of insertion.
inline uint64_t SplitMix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// A uniform double in (0, 1] from 64 random bits; never 0, so its logarithm is finite.
inline double UnitOpenClosed(uint64_t bits) {
  return (static_cast<double>(bits >> 11) + 1.0) * 0x1.0p-53;
}

// xoshiro256**. Source: Blackman and Vigna, arXiv:1805.01407; state filled by splitmix64 as they
// advise, so that seeds 0, 1, 2 give unrelated sequences.
class Rng {
 public:
  explicit Rng(uint64_t seed) {
    for (uint64_t& word : state_) {
      word = SplitMix64(seed);
      seed += 0x9e3779b97f4a7c15ull;
    }
  }

  uint64_t Next() {
    const uint64_t result = Rotate(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); 0 for bound 0. The bias is below bound / 2^32.
  uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(((Next() >> 32) * static_cast<uint64_t>(bound)) >> 32);
  }

  // Uniform in (0, 1].
  double Unit() { return UnitOpenClosed(Next()); }

  // Normal with mean 0 and deviation 1 (Box and Muller, one of the pair).
  double Normal() {
    const double radius = std::sqrt(-2.0 * std::log(Unit()));
    return radius * std::cos(6.283185307179586 * Unit());
  }

 private:
  static uint64_t Rotate(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

  uint64_t state_[4];
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_RNG_H_
