// Takes removed nodes out of the graph while it is searched.
//
// A removed row keeps its node: walks pass through it, which keeps the graph whole and costs time.
// When enough have gathered, each list that leads to one is mended: the neighbors of the removed
// nodes stand for them, chosen as for a new node. Then nothing leads to them any more.
//
// Source: Singh et al., "FreshDiskANN", arXiv:2105.09613, algorithm 4 (delete consolidation).
// Departures: a list keeps the live links it has, so that no node loses its last way in, and as
// many are added as removed ones had places; removed neighbors of removed ones are looked behind
// too.
#ifndef SIGHTLINE_HNSW_UNLINK_H_
#define SIGHTLINE_HNSW_UNLINK_H_

#include <cstdint>

#include "hnsw/graph.h"
#include "hnsw/scratch.h"
#include "hnsw/search.h"
#include "hnsw/space.h"

namespace sightline {

// Mends the lists of `node` on all its levels. Removed are those that space.kept says; space
// has no codes.
//
// changed  set to whether a list had to be.
// Returns  kRowDamaged if a row that is needed is damaged.
// Threads  several at once, each with its own node; not together with Insert; readers may search.
Walk Mend(Graph* graph, const Space& space, uint32_t node, Scratch* scratch, bool* changed);

// Gives the role of the entry point to a live node of its level if it was removed. Where none has
// that level it stays, because a snapshot's entry point is on the highest level of all nodes, and
// gets a link to a live node. Cost where it was removed: one multiplication per node.
// Threads  one writer; readers may search.
void MoveEntry(Graph* graph, const LiveRows& kept);

// Empties the lists of a node that nothing leads to.
// Threads  one writer, when nobody can still stand on the node.
void Isolate(Graph* graph, uint32_t node);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_UNLINK_H_
