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
void FewLinksTo(const Graph& graph, uint32_t nodes, uint32_t few, std::vector<uint32_t>* out);

// A node that a search for its own row does not find.
struct LostNode {
  uint32_t node = 0;
  bool hidden = false;          // nor does one that starts at many more nodes
  std::vector<uint32_t> found;  // the nearest of what it finds
};

// Being reachable is not being found: rows that came cluster by cluster are linked to their own
// cluster alone, and a search that ends in the wrong one stays there. Searches for `node` as a
// query would, on rows and, where space.codes is set, on codes too.
//
// lost     replaced if the node is lost, else `*is_lost` is false.
// Returns  kRowDamaged if a row that is needed is damaged.
// Threads  many at once, each with its own scratch.
Walk LookFor(const Graph& graph, const Space& space, uint32_t node, Scratch* scratch, bool* is_lost,
             LostNode* lost);

// Links a lost node from where the search for it ended, and so to those around it.
//
// again    gets the nodes to search for again: the lost one and those that lost a link.
// Threads  not together with Insert; readers may search.
void LinkLost(Graph* graph, const LostNode& lost, std::vector<uint32_t>* again);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_RECONNECT_H_
