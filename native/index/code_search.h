// Searching on row codes: exact distances for what they find, and the scan over all of them.
// docs/adr/0008 has the figures.
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

// hits, best first by estimate, become the `wanted` best by exact distance among them.
//
// space    the rows, without codes.
// *sure    whether the estimates could tell these from what found no place in a list of `ef`: what
//          is at the end of it is farther than the worst of them by more than estimates were off.
// Returns  kRowDamaged if a row that is needed is damaged.
Walk Rerank(const Space& space, const float* query, const QueryCode& code, size_t wanted, size_t ef,
            std::vector<Neighbor>* hits, bool* sure);

// The same for a scan over the codes; fills scratch->hits. scratch->query_code is ready.
//
// walked  what a walk found, plan.wanted hits with exact distances or none; nothing farther is
//         looked for, and an estimate that is off loses none.
Walk ScanCodes(const Space& space, const float* query, const RowCodes& codes, const Plan& plan,
               const std::vector<Neighbor>& walked, Scratch* scratch, bool* sure);

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_CODE_SEARCH_H_
