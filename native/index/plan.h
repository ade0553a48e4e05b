// How a search is done, decided once before it begins: by the graph or by a scan, on which codes.
#ifndef SIGHTLINE_INDEX_PLAN_H_
#define SIGHTLINE_INDEX_PLAN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/live_rows.h"

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

// The same for a walk on inline codes, which expands about one node for each two places of
// its list, as long as it takes to scan five rows (100,000 x 512 floats, AVX2: 0.6 us against
// 0.13).
inline bool ScanIsBetterThanInline(uint64_t matches, uint64_t rows, size_t k, size_t ef) {
  const uint64_t floor = std::max<uint64_t>(kAlwaysScan, k);
  return matches <= floor || matches * matches <= 5 * (uint64_t{ef} * matches + k * rows);
}

// Estimates of one bit a value are too rough to tell the best hundred from the next: there the walk
// on rows is the better one, unless the candidate list is long. (k 100 of 5,000 rows of 64 floats:
// recall 0.82 on codes at efSearch 100, 0.99 on rows.)
inline bool InlineSuits(size_t k, size_t ef) { return k <= 32 || ef >= 2 * k; }

struct Plan {
  // The question, and what the index held when it was asked.
  size_t k = 0;
  size_t ef = 0;      // candidate list size, >= k
  size_t wanted = 0;  // results there can be: k, or all that match
  bool filters = false;
  uint64_t rows = 0;                  // those from here on came later
  uint64_t nodes = 0;                 // rows that walks meet
  uint64_t matches = 0;               // rows that may be returned
  const uint64_t* allowed = nullptr;  // bitset over rows: these; nullptr: all

  // How it is answered; what a walk cannot answer, a scan does after it.
  bool scan = false;        // at once
  bool on_inline = false;   // a walk on inline codes comes first
  bool steps_over = false;  // a walk on rows steps over those that do not match

  // exact         no walk: not wanted, or there is no sound graph
  // row_codes     whether there are such that rank the rows well
  // inline_codes  the same for these; an index has one kind at most
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

  // What walks pass through: removed rows alone. A filter may leave few, which is another search.
  LiveRows live() const {
    return allowed != nullptr && !filters ? LiveRows{allowed, rows} : LiveRows{};
  }
  // Rows a walk may compare. Past this a scan of the matches would have been cheaper; together they
  // cost at most twice its price.
  size_t budget() const {
    return static_cast<size_t>(std::max<uint64_t>(matches, 10 * uint64_t{ef}));
  }
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PLAN_H_
