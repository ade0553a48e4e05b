// Walking level 0 on inline codes (codes/inline_codes.h).
//
// Where it departs from algorithm 2 of the paper:
//  1. A node's neighbors are priced by estimates from one block of memory; its own exact distance
//     is computed when it is expanded, which is also what makes it a result (SymphonyQG, see
//     codes/inline_codes.h).
//  2. A node may stand in the list several times, once for each neighbor it was met through: each
//     estimate is another chance, and copies of good nodes crowd the list, so that fewer nodes are
//     expanded. At equal recall that reads a third less than one place per node. `distinct` walks
//     otherwise, for searches that want nearly as many results as the list has places.
//  3. The next node is chosen before the present one is worked on, so that its bytes are fetched
//     meanwhile, a line per step of the table look-ups. The order is a step behind the best one,
//     which costs a tenth more nodes and saves the wait for memory, half of the time.
// Measured in docs/adr/0009.
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
  size_t keep = 0;                    // results wanted, best first
  bool distinct = false;              // each node at most once in the list
  uint64_t rows = ~uint64_t{0};       // only rows below are results: others came meanwhile
  const uint64_t* allowed = nullptr;  // bitset over those: only these are results; nullptr: all
  LiveRows live;                      // removed ones are passed through and take no place
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
