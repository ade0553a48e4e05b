// Searching the graph. Algorithms 2 and 5 of the paper.
#ifndef SIGHTLINE_HNSW_SEARCH_H_
#define SIGHTLINE_HNSW_SEARCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/top_k.h"
#include "hnsw/graph.h"
#include "hnsw/scratch.h"
#include "hnsw/space.h"

namespace sightline {

enum class Walk {
  kOk,
  kGraphDamaged,  // a block of links failed its check; the rows are good
  kRowDamaged,    // a row failed its check
  kBudget,        // scan instead: too many rows were compared, or codes are missing
};

struct SearchLimits {
  size_t k = 0;                       // results wanted
  size_t ef = 0;                      // candidate list size, >= k
  const uint64_t* allowed = nullptr;  // bitset of rows to collect; nullptr: all
  uint64_t allowed_rows = 0;          // rows in the bitset; nodes beyond are not allowed
  // For selective filters: rows that are not allowed are not read, and the walk goes on to their
  // neighbors. Otherwise they are compared and expanded like the others.
  bool over_others = false;
  size_t budget = ~size_t{0};  // rows that may be compared
  size_t starts = 0;           // nodes at which level 0 is entered; 0: StartsOf(ef)
};

// Number of nodes at which a search enters level 0: one for every four places of its list. The
// paper enters at the nearest only; in clustered data the search may then stay in the wrong cluster
// (100,000 CLIP-like rows, ef 32: recall 0.94 from one node, 0.98 from eight, in the same time).
// For a very short list the descent is half the work: MNIST at ef 11 took a tenth longer from two
// nodes and found no more. More than 32 starts find little more in any data tried.
constexpr size_t StartsOf(size_t ef) { return ef < 12 ? 1 : std::min<size_t>(ef / 4, 32); }

// The candidate list holds the `ef` nearest nodes, and beyond them up to `ef` different distances
// with up to `copies` nodes each: copies of one frame must not displace everything else. (200
// scenes with 30 equal frames each, 64 floats: recall@10 at ef 50 is 0.80 if copies count, see test
// "many copies".) The `ef` nearest are kept in any case, because equal distances are not always
// copies: sparse binary rows have four different distances, and without this recall was 0.88 at any
// ef. If all distances differ, it is the paper's list.
struct PoolLimits {
  size_t ef;
  size_t copies;
  size_t expand = ~size_t{0};  // only this many of the nearest are expanded
  size_t budget = ~size_t{0};  // rows that may be compared, else Walk::kBudget

  // wanted: results, or links, needed at one distance.
  static PoolLimits For(size_t ef, size_t wanted) {
    return {ef, std::max<size_t>(8, wanted), ~size_t{0}, ~size_t{0}};
  }
};

// Finds rows near `query`, best first, ties by smaller row; ef of them, more where rows are equal.
//
// query    dim floats, unit length for cosine, finite.
// out      replaced.
// Threads  many at once, also while nodes are inserted; each with its own scratch.
Walk SearchGraph(const Graph& graph, const Space& space, const float* query,
                 const SearchLimits& limits, Scratch* scratch, std::vector<Neighbor>* out);

// Greedy search on levels (down_to, from], starting at *node; updates node and distance.
Walk Descend(const Graph& graph, const Space& space, const float* query, uint32_t from,
             uint32_t down_to, uint32_t nodes, Scratch* scratch, uint32_t* node, float* distance);

// Descends to `level`, or to the highest level, and fills scratch->starts with up to `wanted`
// nearest nodes of it, best first.
Walk Approach(const Graph& graph, const Space& space, const float* query, const EntryPoint& entry,
              uint32_t level, size_t wanted, uint32_t nodes, Scratch* scratch);

// Fills scratch->pool with the nearest nodes of one level, best first, from scratch->starts:
// distinct nodes of that level. Removed nodes (Space::live) are expanded like the others but take
// no place, and are returned only if nothing else was met.
Walk SearchLayer(const Graph& graph, const Space& space, const float* query, uint32_t level,
                 const PoolLimits& limits, uint32_t nodes, Scratch* scratch);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_SEARCH_H_
