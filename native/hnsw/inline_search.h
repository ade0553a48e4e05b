// Walking level 0 on inline codes (codes/inline_codes.h).
//
// Departures from algorithm 2 of the paper, measured in docs/adr/0009:
//  1. Distances of a node's neighbors are estimates from one block of memory. Its own exact
//     distance is computed when it is expanded, and makes it a result (SymphonyQG, see
//     codes/inline_codes.h).
//  2. A node may be in the list several times, once per neighbor it was met through. Each estimate
//     is another chance, and repeated nodes shorten the list. At equal recall that reads a third
//     less than one place per node. `distinct` is for searches that want nearly as many results as
//     the list has places.
//  3. The next node is chosen before the current one is processed, so that its bytes are prefetched
//     meanwhile. The order is a step behind the best one: a tenth more nodes, half the time.
#ifndef SIGHTLINE_HNSW_INLINE_SEARCH_H_
#define SIGHTLINE_HNSW_INLINE_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/inline_codes.h"
#include "core/live_rows.h"
#include "core/top_k.h"
#include "hnsw/graph.h"
#include "hnsw/scratch.h"
#include "hnsw/search.h"
#include "hnsw/space.h"

namespace sightline {

struct InlineLimits {
  size_t places = 0;                  // of the candidate list
  size_t keep = 0;                    // results wanted
  bool distinct = false;              // each node at most once in the list
  uint64_t rows = ~uint64_t{0};       // results are below: later rows were added meanwhile
  const uint64_t* allowed = nullptr;  // bitset of rows that may be results; nullptr: all
  LiveRows live;                      // removed rows are passed through and take no place
};

// Finds rows near `query`, exact distances, best first, ties by smaller row; at most limits.keep.
//
// query    dim floats, unit length for cosine, finite; prepared: the same, by rows.Prepare.
// out      replaced.
// Returns  kBudget if it passed through too many removed nodes, or as SearchGraph.
// Threads  many at once, also while nodes are inserted; the caller keeps blocks of current nodes
//          from being rewritten meanwhile (core/epoch.h).
Walk WalkInline(const Graph& graph, const Space& space, const InlineCodes& rows, const float* query,
                const InlineQuery& prepared, const InlineLimits& limits, Scratch* scratch,
                std::vector<Neighbor>* out);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_INLINE_SEARCH_H_
