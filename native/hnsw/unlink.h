// Takes removed nodes out of the graph while it is searched.
//
// Walks pass through removed nodes, which keeps the graph connected but costs time. When there are
// enough of them, each list that links to one is mended: neighbors of the removed nodes replace
// them, selected as for a new node. Then no link leads to a removed node.
//
// Source: Singh et al., "FreshDiskANN", arXiv:2105.09613, algorithm 4 (delete consolidation).
// Departures: a list keeps its live links, so that no node loses its last incoming link, and gains
// as many as it had removed ones; removed neighbors of removed nodes are followed too.
#ifndef SIGHTLINE_HNSW_UNLINK_H_
#define SIGHTLINE_HNSW_UNLINK_H_

#include <cstdint>

#include "hnsw/graph.h"
#include "hnsw/scratch.h"
#include "hnsw/search.h"
#include "hnsw/space.h"

namespace sightline {

// Mends the lists of `node` on all its levels. space.kept tells which nodes are removed; space has
// no codes.
//
// changed  set to whether a list changed.
// Returns  kRowDamaged if a needed row is damaged.
// Threads  several at once, each with its own node; not together with Insert; readers may search.
Walk Mend(Graph* graph, const Space& space, uint32_t node, Scratch* scratch, bool* changed);

// If the entry point was removed, makes a live node of its level the entry point. If there is none,
// it stays, because a snapshot's entry point must be on the highest level, and gets a link to a
// live node. Cost: one multiplication per node.
// Threads  one writer; readers may search.
void MoveEntry(Graph* graph, const LiveRows& kept);

// Empties the lists of a node without incoming links.
// Threads  one writer, when no search can still be at the node.
void Isolate(Graph* graph, uint32_t node);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_UNLINK_H_
