// Linking nodes into the graph. Algorithm 1 of the paper.
#ifndef SIGHTLINE_HNSW_INSERT_H_
#define SIGHTLINE_HNSW_INSERT_H_

#include <array>
#include <atomic>
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
  // graph outlives this; its blocks were checked (Graph::TrustAll).
  Inserter(Graph* graph, size_t ef_construction)
      : graph_(graph), ef_construction_(ef_construction) {}

  // Links `node`, which has no links yet (Graph::Prepare). With space.codes it walks on codes and
  // selects by exact distances. If these show that estimates cannot separate near rows from far
  // ones, the node is linked by a walk on rows; if that happens for a quarter of the nodes, codes
  // are no longer used. kRowDamaged: the node stays without links.
  Walk Insert(const Space& space, uint32_t node, Scratch* scratch);

  // Uses codes again, and restarts the counts below.
  void TrustCodes() { walked_ = unsure_ = 0; }
  bool CodesPay() const {
    const uint32_t unsure = unsure_.load(std::memory_order_relaxed);
    return unsure < kFewUnsure || 4 * unsure < walked_.load(std::memory_order_relaxed);
  }
  uint32_t walked() const { return walked_.load(std::memory_order_relaxed); }
  uint32_t unsure() const { return unsure_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kStripes = 1024;
  static constexpr uint32_t kFewUnsure = 32;

  // *sure: whether the estimates separate near rows from far ones.
  Walk Plan(const Space& space, const Space& exact, uint32_t node, uint32_t level,
            const EntryPoint& entry, Scratch* scratch, bool* sure);
  Walk Choose(const Space& exact, const float* row, bool estimates, Scratch* scratch,
              std::vector<Neighbor>* chosen, bool* sure);
  void WriteForward(uint32_t node, uint32_t level, const std::vector<Neighbor>& chosen);
  // Returns whether `from` links to `to` afterwards.
  bool LinkBack(const Space& space, uint32_t from, const Neighbor& to, uint32_t level,
                Scratch* scratch);
  void Splice(const Space& space, uint32_t node, uint32_t nearest);
  std::mutex& LockOf(uint32_t node) { return stripes_[node % kStripes]; }

  Graph* graph_;
  size_t ef_construction_;
  std::atomic<uint32_t> walked_{0};  // nodes searched for on codes
  std::atomic<uint32_t> unsure_{0};  // those of them that were not sure
  std::mutex entry_mutex_;           // held while the highest level may rise
  std::array<std::mutex, kStripes> stripes_;
};

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_INSERT_H_
