// The graph. Finds near rows by walking from row to row.
//
// Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs", arXiv:1603.09320. Algorithm 1 is insert.cc, 2 and 5
// search.cc, 4 select.cc. Sees vectors as a view and links as memory; knows no files and no keys.
// Removed rows are bits that the caller passes (core/live_rows.h).
//
// Where we depart from the paper, and why:
//  1. A node's level is a function of seed and node number, not of a random stream: the same rows
//     give the same levels whatever the number of threads, and levels need not be stored. Level l
//     has probability M^-l, which is the paper's mL = 1 / ln(M), computed with integers so that
//     every machine agrees.
//  2. The candidate list of an unfiltered search is one sorted array with an "expanded" flag in
//     place of two heaps, without allocation. Beyond the paper's `ef` nodes it holds some of equal
//     distance: copies of one picture must not push everything else out (PoolLimits in search.h).
//  3. All levels are searched before any link is written; then forward links on all levels, then
//     backward ones. A node that others can see can be walked on from, on every level it has.
//  4. Of several copies of the new node's vector only one is chosen: copies of one picture do not
//     fill a list (select.cc).
//  5. keepPrunedConnections only for the new node's own list, see select.cc.
//  6. A node that no neighbor kept is spliced into its nearest neighbor's list, see insert.cc:
//     without it copies beyond the 2M-th can end up with no way in. Nodes that lose their last way
//     in later, when a list is cut, are put back by reconnect.cc.
//  7. Filters: only allowed nodes are collected, all are walked (search.cc).
//  8. Of the candidates of an insertion only the nearer three quarters are expanded (at least 64):
//     the farther ones are chosen among, but their own neighbors hardly ever are. With one half
//     recall falls by 0.003; figures in docs/adr/0008.
//  9. An insertion may walk on codes of the rows; what it chooses from then gets exact distances, a
//     few candidates at a time, until enough are chosen (insert.cc).
// 10. A search enters level 0 at many nodes, one for every four places of its candidate list, and
//     not at the nearest alone (search.h, docs/adr/0020).
//
// Memory: 8 * M bytes per node on level 0, 4 for the place of its upper lists, and 4 * M per level
// above 0 (one node in M). Readers take no lock; writers lock the one list they change.
#ifndef SIGHTLINE_HNSW_HNSW_H_
#define SIGHTLINE_HNSW_HNSW_H_

#include "hnsw/graph.h"
#include "hnsw/insert.h"
#include "hnsw/reconnect.h"
#include "hnsw/search.h"
#include "hnsw/unlink.h"
#include "hnsw/validate.h"

#endif  // SIGHTLINE_HNSW_HNSW_H_
