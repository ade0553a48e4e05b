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
inline bool ScanIsBetter(uint64_t matches, uint64_t rows, size_t k, size_t ef) {
  // A walk compares about 14 rows for each place of its list, at random; a scan compares all, in
  // order, for the same price each (512 floats: 75 us for ef 50, 110 ns a row).
  if (matches <= std::max<uint64_t>({kAlwaysScan, k, 13 * uint64_t{ef}})) return true;
  // And when only some rows count it compares rows / matches times as many.
  return matches < rows / 100 * 8;
}

// Few rows are removed: better to walk as if none were and leave them out of the result.
inline bool FewAreRemoved(uint64_t live, uint64_t rows) { return live >= rows - rows / 5; }

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PLAN_H_
