// Which neighbors a node keeps. Algorithm 4 of the paper.
#ifndef SIGHTLINE_HNSW_SELECT_H_
#define SIGHTLINE_HNSW_SELECT_H_

#include <cstddef>
#include <vector>

#include "core/top_k.h"
#include "hnsw/space.h"

namespace sightline {

// Chooses up to `max` of `candidates`, which are sorted by distance to the node, best first, and
// trusted. A candidate is dropped if it is nearer to a chosen one than to the node, so that links
// point in different directions.
//
// keep_pruned  fill up with the nearest dropped ones. Measured in docs/adr/0006; used
//              for a new node's own list, not when a full list is cut: lists that are full again
//              at once would be cut again at every link.
void SelectNeighbors(const Space& space, const std::vector<Neighbor>& candidates, size_t max,
                     bool keep_pruned, std::vector<Neighbor>* selected);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_SELECT_H_
