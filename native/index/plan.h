// Graph or linear scan: the one place that decides.
#ifndef SIGHTLINE_INDEX_PLAN_H_
#define SIGHTLINE_INDEX_PLAN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sightline {

// Up to this many rows a scan is exact and about as fast as a walk.
#ifdef SIGHTLINE_FUZZING
inline constexpr uint64_t kAlwaysScan = 0;  // a fuzzer's indexes are small, and it is to walk
#else
inline constexpr uint64_t kAlwaysScan = 1000;
#endif

// matches  rows that may be returned; rows: all rows, removed ones too.
inline bool ScanIsBetter(uint64_t matches, uint64_t rows, size_t k, size_t ef) {
  // A walk compares about 14 rows for each place of its list, at random, and rows / matches times
  // as many when only some count; a scan compares `matches` rows, in order, for a bit over half the
  // price. Measured with 512 floats, ef 50: a filter on 100,000 rows breaks even at 12 %, on 20,000
  // at 35 %; the rule says 12 % and 27 %. Unfiltered it is 30 rows per place of the list: 1,500.
  const uint64_t floor = std::max<uint64_t>(kAlwaysScan, k);
#ifdef SIGHTLINE_FUZZING
  return matches <= floor;
#endif
  return matches <= floor || matches * matches <= 30 * uint64_t{ef} * rows;
}

// Few rows are removed: better to walk as if none were and leave them out of the result.
inline bool FewAreRemoved(uint64_t live, uint64_t rows) { return live >= rows - rows / 5; }

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PLAN_H_
