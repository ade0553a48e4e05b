// Levels of nodes: a pure function, see departure 1 in hnsw.h and docs/reference/FORMAT.md.
#ifndef SIGHTLINE_HNSW_LEVEL_H_
#define SIGHTLINE_HNSW_LEVEL_H_

#include <cstddef>
#include <cstdint>

#include "core/rng.h"
#include "format/limits.h"

namespace sightline {

class Levels {
 public:
  Levels(uint32_t m, uint64_t seed) : seed_(seed) {
    uint64_t threshold = ~uint64_t{0};
    for (size_t level = 1; level <= kMaxLevel; ++level) {
      threshold /= m;
      thresholds_[level - 1] = threshold;
    }
  }

  uint32_t Of(uint32_t node) const {
    const uint64_t x = SplitMix64(seed_ ^ SplitMix64(node));
    uint32_t level = 0;
    while (level < kMaxLevel && x < thresholds_[level]) ++level;
    return level;
  }

 private:
  uint64_t seed_;
  uint64_t thresholds_[kMaxLevel];
};

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_LEVEL_H_
