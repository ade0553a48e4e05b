// Graph or linear scan: the one place that decides.
#ifndef SIGHTLINE_INDEX_PLAN_H_
#define SIGHTLINE_INDEX_PLAN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sightline {

// Up to this many rows a scan is exact and about as fast as a walk.
inline constexpr uint64_t kAlwaysScan = 1000;

// matches  rows that may be returned; rows: all rows, removed ones too.
inline bool ScanIsBetter(uint64_t matches, uint64_t rows, size_t k) {
  if (matches <= std::max<uint64_t>(kAlwaysScan, k)) return true;
  // A walk compares about ef * 15 rows for ef results, and rows / matches times as many when only
  // some count; a scan compares `matches` rows, in order, at a quarter of the price each.
  return matches < rows / 100 * 8;
}

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PLAN_H_
