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
// Cutting a full list can remove a node's last incoming link: about 3 of 20,000 CLIP-like rows.
// Traverses level 0 from the entry point and splices each node not met into the list of a near one:
//
//     near -> last      becomes      near -> node -> last
//
// so that reachable nodes stay so. Cost: one visit per link, 15 ms per 100,000 nodes.
//
// reconnected  number of nodes that were unreachable.
// Returns      kRowDamaged if a needed row is damaged.
// Threads      not together with Insert; readers may search.
Walk Reconnect(Graph* graph, const Space& space, Scratch* scratch, uint64_t* reconnected);

// The nodes below `nodes` with at most `few` incoming links on level 0. In many dimensions some
// rows are no one's near neighbor (anti-hubs); most lost rows are among these. Cost: as
// Reconnect's.
void FewLinksTo(const Graph& graph, uint32_t nodes, uint32_t few, std::vector<uint32_t>* out);

// How many nodes' links have to be followed from `node` on level 0, breadth first, until
// kReachedFew nodes are reached; kReachedFew if there are no more. Many in a group of nodes that
// link to each other, with few links to the rest.
// Threads  many at once, each with its own scratch.
constexpr uint32_t kReachedFew = 128;
uint32_t StepsToLeave(const Graph& graph, uint32_t node, Scratch* scratch);

// A node that a search for its own row does not find.
struct LostNode {
  uint32_t node = 0;
  bool hidden = false;          // not even by a search that starts at many more nodes
  std::vector<uint32_t> found;  // the nearest nodes it finds
};

// A reachable node may still not be found: rows added cluster by cluster are linked within their
// cluster only, and a search may end in the wrong one. Searches for the row of `node`, and also on
// codes if space.codes is set.
//
// lost     replaced if the node is lost, else `*is_lost` is false.
// Returns  kRowDamaged if a row that is needed is damaged.
// Threads  many at once, each with its own scratch.
Walk LookFor(const Graph& graph, const Space& space, uint32_t node, Scratch* scratch, bool* is_lost,
             LostNode* lost);

// Links a lost node to the nodes where the search for it ended.
//
// again    receives the nodes to search for again: the lost one and those that lost a link.
// Threads  not together with Insert; readers may search.
void LinkLost(Graph* graph, const LostNode& lost, std::vector<uint32_t>* again);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_RECONNECT_H_
