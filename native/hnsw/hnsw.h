// The HNSW graph.
//
// Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs", arXiv:1603.09320. Algorithm 1 is insert.cc, 2 and 5
// search.cc, 4 select.cc. Sees vectors as a view and links as memory; knows no files and no keys.
// Removed rows are bits that the caller passes (core/live_rows.h).
//
// Departures from the paper:
//  1. A node's level is a function of seed and node number, not of a random stream: the same rows
//     give the same levels whatever the number of threads, and levels need not be stored. Level l
//     has probability M^-l, which is the paper's mL = 1 / ln(M), computed with integers so that
//     every machine agrees.
//  2. The candidate list of an unfiltered search is one sorted array with an "expanded" flag in
//     place of two heaps, without allocation. Beyond the paper's `ef` nodes it holds some of equal
//     distance: copies of one picture must not push everything else out (PoolLimits in search.h).
//  3. All levels are searched before any link is written; then forward links on all levels, then
//     backward ones. So a visible node has links on every level it has.
//  4. Of several copies of the new node's vector only one is chosen: copies of one picture do not
//     fill a list (select.cc).
//  5. keepPrunedConnections only for the new node's own list, see select.cc.
//  6. A node that no neighbor kept is spliced into its nearest neighbor's list, see insert.cc: else
//     copies beyond the 2M-th may be unreachable. Nodes that lose their last incoming link later
//     are linked again by reconnect.cc.
//  7. Filters: only allowed nodes are collected, all are walked (search.cc).
//  8. An insertion expands only the nearer three quarters of its candidates (at least 64):
//     neighbors of others are hardly ever chosen. With one half recall falls by 0.003 (ADR 8).
//  9. An insertion may walk on codes of the rows; candidates then get exact distances, a few at a
//     time, until enough are chosen (insert.cc).
// 10. A search enters level 0 at many nodes, one for every four places of its candidate list
//     (search.h, docs/adr/0020).
//
// Memory: 8 * M bytes per node on level 0, 4 for the index of its upper lists, and 4 * M per level
// above 0 (one node in M). Readers take no lock; writers lock the list they change.
#ifndef SIGHTLINE_HNSW_HNSW_H_
#define SIGHTLINE_HNSW_HNSW_H_

#include "hnsw/graph.h"
#include "hnsw/insert.h"
#include "hnsw/reconnect.h"
#include "hnsw/search.h"
#include "hnsw/unlink.h"
#include "hnsw/validate.h"

#endif  // SIGHTLINE_HNSW_HNSW_H_
