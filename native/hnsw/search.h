// Walking the graph. Algorithms 2 and 5 of the paper.
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
  kGraphDamaged,  // a block of links failed its check; the rows are still good
  kRowDamaged,    // a row's bytes failed theirs
  kBudget,        // to be scanned: a filtered search compared too many rows, or codes are missing
};

struct SearchLimits {
  size_t k = 0;                       // results wanted
  size_t ef = 0;                      // candidate list size, >= k
  const uint64_t* allowed = nullptr;  // bitset over rows: only these are collected; nullptr: all
  uint64_t allowed_rows = 0;          // rows the bitset speaks of; nodes beyond are not allowed
  // Rows that are not allowed are stepped over, unread, to those behind them: for filters that let
  // few through. Otherwise they are compared and walked on like the others.
  bool over_others = false;
  size_t budget = ~size_t{0};  // rows that may be compared
  size_t starts = 0;           // where level 0 is entered, if not as StartsOf(ef) says
};

// At how many nodes a search with a candidate list of `ef` enters level 0: at one for every four
// places. The paper enters it at the nearest alone, and where rows lie in groups the search then
// stays in the wrong one, however long its list (100,000 CLIP-like rows, ef 32: recall 0.94 from
// one node, 0.98 from eight, in the same time). Of a very short list, coming down is half the work:
// from two nodes instead of one MNIST took a tenth longer at ef 11 and found no more. Beyond 32
// starts little more is found of any data tried.
constexpr size_t StartsOf(size_t ef) { return ef < 12 ? 1 : std::min<size_t>(ef / 4, 32); }

// The candidate list holds the `ef` nearest nodes, and beyond them up to `ef` different distances
// with up to `copies` nodes each: frames repeat, and copies of one frame must not push everything
// else out of the list. (200 scenes with 30 equal frames each, 64 floats: recall@10 at ef 50 is
// 0.80 if copies count, see test "many copies".) The nearest come first because equal distances are
// not always copies: between rows of a few ones among zeros there are four different distances, and
// a list of four times eight nodes found 0.88 of their neighbors at any ef. Where no two distances
// are equal it is the paper's list.
struct PoolLimits {
  size_t ef;
  size_t copies;
  size_t expand = ~size_t{0};  // only so many of the nearest are walked on from
  size_t budget = ~size_t{0};  // rows that may be compared, else Walk::kBudget

  // `wanted`: results, or links, that are needed of one distance.
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

// Walks from *node to the nearest node by single steps on levels (down_to, from]; updates node and
// its distance.
Walk Descend(const Graph& graph, const Space& space, const float* query, uint32_t from,
             uint32_t down_to, uint32_t nodes, Scratch* scratch, uint32_t* node, float* distance);

// Comes down to `level`, or to the highest there is, and fills scratch->starts with the nearest
// nodes of it, best first: `wanted` of them if a search for so many finds them.
Walk Approach(const Graph& graph, const Space& space, const float* query, const EntryPoint& entry,
              uint32_t level, size_t wanted, uint32_t nodes, Scratch* scratch);

// Fills scratch->pool with the nearest nodes of one level, best first, beginning at
// scratch->starts: distinct nodes of that level. Removed nodes (Space::live) are walked on
// like the others but take no place: removed copies of a frame, however many, push nothing out.
// They are given only if nothing else was met.
Walk SearchLayer(const Graph& graph, const Space& space, const float* query, uint32_t level,
                 const PoolLimits& limits, uint32_t nodes, Scratch* scratch);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_SEARCH_H_
