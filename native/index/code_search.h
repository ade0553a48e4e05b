// Searching on row codes: reranking by exact distances, and the scan. Figures: docs/adr/0008.
#ifndef SIGHTLINE_INDEX_CODE_SEARCH_H_
#define SIGHTLINE_INDEX_CODE_SEARCH_H_

#include <cstddef>
#include <vector>

#include "codes/row_codes.h"
#include "hnsw/scratch.h"
#include "hnsw/search.h"
#include "hnsw/space.h"
#include "index/plan.h"

namespace sightline {

// Reranks hits, sorted by estimate: keeps the `wanted` best by exact distance.
//
// space    the rows, without codes.
// *sure    whether no nearer row is likely to be missing from the list of `ef`: its end is farther
//          than the worst result by more than the error of estimates.
// Returns  kRowDamaged if a needed row is damaged.
Walk Rerank(const Space& space, const float* query, const QueryCode& code, size_t wanted, size_t ef,
            std::vector<Neighbor>* hits, bool* sure);

// Scans the codes and reranks; fills scratch->hits. scratch->query_code is prepared.
//
// walked  plan.wanted hits of a walk with exact distances, or none: the scan looks for nearer rows
//         only, and these are never lost.
Walk ScanCodes(const Space& space, const float* query, const RowCodes& codes, const Plan& plan,
               const std::vector<Neighbor>& walked, Scratch* scratch, bool* sure);

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_CODE_SEARCH_H_
