// The plan of a search: graph or scan, and on which codes.
#ifndef SIGHTLINE_INDEX_PLAN_H_
#define SIGHTLINE_INDEX_PLAN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/live_rows.h"

namespace sightline {

// With at most this many rows a scan is as fast as a walk, and exact.
#ifdef SIGHTLINE_FUZZING
inline constexpr uint64_t kAlwaysScan = 0;  // the fuzzer's small indexes must use the graph
#else
inline constexpr uint64_t kAlwaysScan = 1000;
#endif

// matches  rows that may be returned; rows: all rows, removed ones too.
inline bool ScanIsBetter(uint64_t matches, uint64_t rows, size_t k, size_t ef) {
  // A walk compares about 14 rows per place of its list, in random order, and with a filter rows /
  // matches times as many; a scan compares `matches` rows sequentially, at just over half the cost
  // each. Measured with 512 floats, ef 50: a filter on 100,000 rows breaks even at 12 %, on 20,000
  // at 35 %; the rule gives 12 % and 27 %. Unfiltered: 30 rows per place of the list, 1,500.
  const uint64_t floor = std::max<uint64_t>(kAlwaysScan, k);
#ifdef SIGHTLINE_FUZZING
  return matches <= floor;
#endif
  return matches <= floor || matches * matches <= 30 * uint64_t{ef} * rows;
}

// Whether a filtered walk on rows should step over rows that do not match, without reading them. At
// equal recall this is 1.8 times as fast if a tenth match (100,000 rows of 512 floats), equally
// fast if a fifth do. If fewer than three in a hundred match, recall falls: too few are within two
// steps.
inline bool StepsOver(uint64_t matches, uint64_t rows) {
  return 100 * matches >= 3 * rows && 100 * matches < 18 * rows;
}

// ScanIsBetter for such a walk, which costs as much as a scan of about 48 rows per place.
inline bool ScanIsBetterThanStepping(uint64_t matches, size_t k, size_t ef) {
  return matches <= std::max({kAlwaysScan, uint64_t{k}, 48 * uint64_t{ef}});
}

// ScanIsBetter for a walk on inline codes, which expands about one node per two places of its list,
// in the time of scanning five rows (100,000 x 512 floats, AVX2: 0.6 us against 0.13).
inline bool ScanIsBetterThanInline(uint64_t matches, uint64_t rows, size_t k, size_t ef) {
  const uint64_t floor = std::max<uint64_t>(kAlwaysScan, k);
  return matches <= floor || matches * matches <= 5 * (uint64_t{ef} * matches + k * rows);
}

// 1-bit estimates hardly separate the best hundred rows from the next, unless the candidate list is
// long. (k 100 of 5,000 rows of 64 floats: recall 0.82 on codes at efSearch 100, 0.99 on rows.)
inline bool InlineSuits(size_t k, size_t ef) { return k <= 32 || ef >= 2 * k; }

struct Plan {
  // The query, and the state of the index.
  size_t k = 0;
  size_t ef = 0;      // candidate list size, >= k
  size_t wanted = 0;  // most results possible: k, or all that match
  bool filters = false;
  uint64_t rows = 0;                  // later rows are ignored
  uint64_t nodes = 0;                 // rows in the graph
  uint64_t matches = 0;               // rows that may be returned
  const uint64_t* allowed = nullptr;  // their bitset; nullptr: all

  // The decision. If a walk fails, a scan follows.
  bool scan = false;        // without a walk
  bool on_inline = false;   // walk on inline codes first
  bool steps_over = false;  // walks on rows step over those that do not match

  // exact         no walk: not wanted, or no sound graph
  // row_codes     whether row codes exist and suit the rows
  // inline_codes  the same for inline codes; an index has at most one kind
  void Decide(bool exact, bool row_codes, bool inline_codes) {
    steps_over = filters && StepsOver(matches, nodes);
    on_inline = inline_codes && InlineSuits(k, ef);
    if (exact) {
      scan = true;
    } else if (steps_over && !row_codes) {
      on_inline = false;
      scan = ScanIsBetterThanStepping(matches, k, ef);
    } else {
      scan = on_inline ? ScanIsBetterThanInline(matches, nodes, k, ef)
                       : ScanIsBetter(matches, nodes, k, ef);
    }
  }

  // Walks pass through removed rows only; filters are handled by SearchFiltered.
  LiveRows live() const {
    return allowed != nullptr && !filters ? LiveRows{allowed, rows} : LiveRows{};
  }
  // Rows a walk may compare: as many as a scan costs, so that walk and scan cost at most twice
  // that.
  size_t budget() const {
    return static_cast<size_t>(std::max<uint64_t>(matches, 10 * uint64_t{ef}));
  }
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PLAN_H_
