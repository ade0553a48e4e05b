// Checks every rule of the graph; for verify() and tests.
#ifndef SIGHTLINE_HNSW_VALIDATE_H_
#define SIGHTLINE_HNSW_VALIDATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/live_rows.h"
#include "hnsw/graph.h"

namespace sightline {

struct GraphReport {
  std::vector<std::string> problems;  // at most 100, with the numbers
  uint64_t unreachable = 0;           // live nodes not reachable from the entry point on level 0
  std::vector<uint64_t> levels;       // nodes whose highest level is i
};

// Threads  not together with Insert.
// Exit     stops early when the process ends (platform/exiting.h); the report is then incomplete.
GraphReport ValidateGraph(const Graph& graph, const LiveRows& live = LiveRows());

// Whether every link leads to a node that has the link's level. Insertions rely on it, because they
// write the lists of nodes they meet, and checksums do not prove it: a file may be made with wrong
// links and right checksums. Searches check every link they follow. Cost: below 1 ms per 100,000
// nodes.
// Threads  not together with Insert.
bool LinksFit(const Graph& graph);

// Nodes per highest level; cost: one multiplication per node.
std::vector<uint64_t> CountLevels(const Graph& graph);

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_VALIDATE_H_
