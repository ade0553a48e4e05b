// Inline codes of an index: keeps them current, and measures whether they suit its rows. Figures:
// docs/adr/0009.
#ifndef SIGHTLINE_INDEX_INLINE_CODING_H_
#define SIGHTLINE_INDEX_INLINE_CODING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "codes/inline_codes.h"
#include "core/epoch.h"
#include "core/status.h"
#include "format/log_format.h"
#include "hnsw/hnsw.h"
#include "index/plan.h"
#include "platform/growing_array.h"
#include "storage/row_store.h"

namespace sightline {

// Does nothing unless Reserve was called: other storages have no inline codes.
//
// Threads  Walks, WalkGraph, Uncoded, WhyNot and resident_bytes by any, counted by `readers`; the
//          rest by one writer.
class InlineCoding {
 public:
  // rows, readers and scratches outlive this.
  InlineCoding(const IndexParameters& parameters, RowStore* rows, Epoch* readers,
               ScratchPool* scratches);
  Status Reserve(const KernelTable* kernels, uint64_t max_rows);
  bool reserved() const { return codes_ != nullptr; }

  // Whether searches walk on codes: most nodes are coded and codes suit the rows.
  bool walks() const { return walks_.load(std::memory_order_relaxed); }
  const char* WhyNot(const Graph& graph) const;
  uint64_t Uncoded(const Graph& graph) const;
  uint64_t resident_bytes() const { return reserved() ? codes_->resident_bytes() : 0; }
  // Fills scratch->hits by walking on codes.
  Walk WalkGraph(const Graph& graph, const Space& space, const float* query, const Plan& plan,
                 Scratch* scratch) const;

  // Marks nodes of `graph` as not coded from now on when their links change.
  void Watch(Graph* graph);
  // Call before nodes up to `nodes` can be reached.
  Status Mark(uint64_t nodes, Graph* graph);
  // Counts the coded nodes again, after links changed.
  void Count(const Graph& graph);
  // Codes some of the nodes from `first` on; *next: where to continue.
  Status Next(uint64_t first, size_t threads, const Graph& graph, const Space& space,
              uint64_t* next);
  // Drops the codes of nodes from `first` on.
  void Forget(uint64_t first);
  void Release();

 private:
  void LookForCopies(const Graph& graph);
  void Measure(const Graph& graph, const Space& space);
  const uint16_t* TurnedRows(const VectorView& view, size_t due, size_t threads);
  void DropTurned();
  void CodeNode(const Graph& graph, const Space& space, const VectorView& view,
                const uint16_t* turned, uint32_t node, InlineCodes::Scratch* scratch);

  const IndexParameters parameters_;
  RowStore* rows_;
  Epoch* readers_;
  ScratchPool* scratches_;
  std::unique_ptr<InlineCodes> codes_;
  std::atomic<bool> walks_{false};
  std::atomic<bool> copies_crowd_{false};
  std::atomic<bool> suits_{true};  // whether codes and rows agree on a sample
  // While many nodes are coded, see InlineCodes::Turn.
  GrowingArray<uint16_t> turned_;
  uint64_t turned_rows_ = 0;
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_INLINE_CODING_H_
