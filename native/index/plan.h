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

// Whether a walk on rows that collects `matches` of them is better off stepping over the others
// unread: at equal recall it is 1.8 times as fast where a tenth match (100,000 rows of 512 floats),
// as fast where a fifth do. Where fewer than three in a hundred match, too few of them are within
// two steps of each other: recall falls.
inline bool StepsOver(uint64_t matches, uint64_t rows) {
  return 100 * matches >= 3 * rows && 100 * matches < 18 * rows;
}

// The same for such a walk, which costs as much as a scan of about 48 rows for each place.
inline bool ScanIsBetterThanStepping(uint64_t matches, size_t k, size_t ef) {
  return matches <= std::max({kAlwaysScan, uint64_t{k}, 48 * uint64_t{ef}});
}

// The same for a walk on codes beside links, which expands about one node for each two places of
// its list, as long as it takes to scan five rows (100,000 x 512 floats, AVX2: 0.6 us against
// 0.13).
inline bool ScanIsBetterThanCodes(uint64_t matches, uint64_t rows, size_t k, size_t ef) {
  const uint64_t floor = std::max<uint64_t>(kAlwaysScan, k);
  return matches <= floor || matches * matches <= 5 * (uint64_t{ef} * matches + k * rows);
}

// Estimates of one bit a value are too rough to tell the best hundred from the next: there the walk
// on rows is the better one, unless the candidate list is long. (k 100 of 5,000 rows of 64 floats:
// recall 0.82 on codes at efSearch 100, 0.99 on rows.)
inline bool CodesSuit(size_t k, size_t ef) { return k <= 32 || ef >= 2 * k; }

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PLAN_H_
