// Makes every node reachable again.
#ifndef SIGHTLINE_HNSW_RECONNECT_H_
#define SIGHTLINE_HNSW_RECONNECT_H_

#include <cstdint>
#include <vector>

#include "hnsw/graph.h"
#include "hnsw/scratch.h"
#include "hnsw/search.h"
#include "hnsw/space.h"

namespace sightline {

// Removed nodes (Space::live) need not be reached.
//
// Cutting a full list can take a node's last way in: about 3 of 20,000 CLIP-like rows. Walks level
// 0 from the entry point and puts each node that was not met into the list of a near one that was:
//
//     near -> last      becomes      near -> node -> last
//
// so that nothing that was reachable is lost. Cost: one visit per link, 15 ms per 100,000 nodes.
//
// reconnected  how many nodes were out of reach.
// Returns      kRowDamaged if a row that is needed is damaged.
// Threads      not together with Insert; readers may search.
Walk Reconnect(Graph* graph, const Space& space, Scratch* scratch, uint64_t* reconnected);

// The nodes below `nodes` to which at most `few` others link on level 0. In many dimensions some
// rows are near to nobody although others are near to them; who is not found is mostly among these.
// Cost: as Reconnect's.
void FewLinksTo(const Graph& graph, uint32_t nodes, uint8_t few, std::vector<uint32_t>* out);

struct LostNodes {
  uint64_t all = 0;     // were not found, and are linked now
  uint64_t hidden = 0;  // of those: a search that began at many more nodes did not find them either
};

// Being reachable is not being found: rows that came cluster by cluster are linked to their own
// cluster alone, and a search that ends in the wrong one stays there. Searches for `nodes` as a
// query would; one that is not found gets a link from the node where its search ended, which also
// leads to those around it.
//
// nodes    afterwards those to be searched for again: not found, or lost a link to one of these.
// Returns  kRowDamaged if a row that is needed is damaged.
// Threads  not together with Insert; readers may search.
Walk FindLost(Graph* graph, const Space& space, std::vector<uint32_t>* nodes, Scratch* scratch,
              LostNodes* lost);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_RECONNECT_H_
