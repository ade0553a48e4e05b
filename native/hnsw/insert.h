// Linking nodes into the graph. Algorithm 1 of the paper.
#ifndef SIGHTLINE_HNSW_INSERT_H_
#define SIGHTLINE_HNSW_INSERT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "hnsw/graph.h"
#include "hnsw/scratch.h"
#include "hnsw/search.h"
#include "hnsw/space.h"

namespace sightline {

// Threads  Insert by several at once, each with its own node and scratch, while others search.
class Inserter {
 public:
  // graph outlives this and needs no block checks any more (Graph::TrustAll).
  Inserter(Graph* graph, size_t ef_construction)
      : graph_(graph), ef_construction_(ef_construction) {}

  // Links `node`, which exists without links (Graph::Prepare) and whose row can be read. With
  // space.codes the walk is on those; what is found, and what is chosen of it, has exact distances.
  // kRowDamaged: the node stays without links.
  Walk Insert(const Space& space, uint32_t node, Scratch* scratch);

 private:
  static constexpr size_t kStripes = 1024;

  Walk Plan(const Space& space, const Space& exact, uint32_t node, uint32_t level,
            const EntryPoint& entry, Scratch* scratch);
  Walk Choose(const Space& exact, const float* row, bool estimates, Scratch* scratch,
              std::vector<Neighbor>* chosen);
  void WriteForward(uint32_t node, uint32_t level, const std::vector<Neighbor>& chosen);
  // Whether `from` links to `to` afterwards.
  bool LinkBack(const Space& space, uint32_t from, const Neighbor& to, uint32_t level,
                Scratch* scratch);
  void Splice(const Space& space, uint32_t node, uint32_t nearest);
  std::mutex& LockOf(uint32_t node) { return stripes_[node % kStripes]; }

  Graph* graph_;
  size_t ef_construction_;
  std::mutex entry_mutex_;  // held by whoever may raise the highest level
  std::array<std::mutex, kStripes> stripes_;
};

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_INSERT_H_
