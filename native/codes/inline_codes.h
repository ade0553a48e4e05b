// Inline codes: 1-bit codes of a node's neighbors beside its links, in one block per 32 links, so
// that one read gives estimates for all of them.
//
// Sources: RaBitQ, Gao and Long, arXiv:2405.12497 (the code and its unbiased estimate); SymphonyQG,
// Gou et al., arXiv:2411.12229 (codes relative to the node, beside its links; the exact distance of
// the expanded node). Departures: docs/adr/0009.
//
// For a node v with row x, a neighbor with row y, and a query q, with r = R(y - x), R a random
// rotation, s the signs of r:
//
//     <q - x, y - x>  ~  f * <s, R(q - x)>,   f = |r|^2 / sum |r_i|
//
// so that, with <s, R(q - x)> = <s, R(q - c)> - <s, R(x - c)> for any centre c, the same for all
// rows:
//
//     dot, cosine   -<q, y>    ~  -<q, x> - <x, y - x> + f <s, R(x - c)>  -  f <s, R(q - c)>
//     euclidean     |q - y|^2  ~  |q - x|^2 + |r|^2 + 2 f <s, R(x - c)>  -  2 f <s, R(q - c)>
//
// The first term is exact and known when v is expanded. The terms up to the last are stored as
// `offset`, f as `slope`, a byte each (InlineBlock); <s, R(q - c)> comes from table look-ups for 32
// neighbors at once. The estimate's deviation is about 0.75 |q - x| |y - x| / sqrt(dim).
//
// When a list of links changes, its node is no longer current (Graph::Touch) until it is coded
// again.
#ifndef SIGHTLINE_CODES_INLINE_CODES_H_
#define SIGHTLINE_CODES_INLINE_CODES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/rotation.h"
#include "core/aligned.h"
#include "core/status.h"
#include "core/vector_view.h"
#include "kernels/kernels.h"
#include "platform/growing_array.h"

namespace sightline {

// A prepared query; its memory is reused.
struct InlineQuery {
  std::vector<float> rotated;
  AlignedArray<uint8_t> entries;
  SignTable table;
  float total = 0;  // sum of the rotated query
};

// Threads  many readers of current nodes; Encode of different nodes by several threads while no
//          reader uses them (the owner waits); the rest by one writer.
class InlineCodes {
 public:
  // links: capacity of a list, 2M.
  InlineCodes(const KernelTable* kernels, Metric metric, size_t dim, size_t links, uint64_t seed);

  // readers: waited for when codes move.
  Status Reserve(uint64_t max_nodes, Epoch* readers = nullptr);
  // Grows the marks to nodes [0, nodes), new ones not current, before any of them can be reached.
  // current_words() may move.
  Status GrowMarks(uint64_t nodes);
  // Makes room for the codes of nodes [0, nodes).
  Status Grow(uint64_t nodes);
  // Computes the centre from a sample of the rows; once, before the first Encode.
  void Centre(const VectorView& rows);
  bool centred() const { return centred_; }

  // Whether the codes of a node (< GrowMarks') match its links.
  bool Current(uint32_t node) const {
    return (current_[node >> 6].load(std::memory_order_acquire) >> (node & 63)) & 1;
  }
  void SetCurrent(uint32_t node) {
    current_[node >> 6].fetch_or(uint64_t{1} << (node & 63), std::memory_order_acq_rel);
  }
  // Bit n & 63 of word n >> 6, for Graph::Watch.
  std::atomic<uint64_t>* current_words() { return current_.data(); }
  uint64_t CountCurrent(uint64_t nodes) const;
  // Marks the nodes from `first` on as not current.
  void Forget(uint64_t first);

  struct Scratch {
    std::vector<float> from;
    std::vector<float> whole;
    std::vector<float> work;
    std::vector<uint16_t> to;
  };
  // For coding many nodes: rotates each row once instead of once per link. 2 bytes per value,
  // `turned_stride` values per row.
  size_t turned_stride() const { return rotation_.padded(); }
  void Turn(const VectorView& rows, uint32_t row, Scratch* scratch, uint16_t* out) const;
  // Codes the neighbors `ids` (n <= links) of `node`, all of them trusted rows of the view.
  // turned: the result of Turn for all rows of the view, or nullptr.
  void Encode(const VectorView& rows, const uint16_t* turned, uint32_t node, const uint32_t* ids,
              size_t n, Scratch* scratch);

  void Prepare(const float* query, InlineQuery* out) const;
  size_t blocks() const { return blocks_; }
  const InlineBlock& Block(uint32_t node, size_t block) const {
    return *reinterpret_cast<const InlineBlock*>(bytes_.data() + node * stride_ +
                                                 block * block_bytes_);
  }
  // Bytes per node, for prefetching.
  size_t stride() const { return stride_; }
  const InlineCodeKernels& kernels() const { return *kernels_->inline_codes; }
  // Committed memory; more is reserved.
  size_t resident_bytes() const {
    return coded_.load(std::memory_order_relaxed) * stride_ + current_.committed_bytes();
  }

 private:
  const KernelTable* kernels_;
  Metric metric_;
  size_t dim_;
  Rotation rotation_;
  size_t groups_;
  size_t blocks_;
  size_t block_bytes_;
  size_t stride_;
  std::vector<float> centre_;
  std::vector<float> turned_centre_;
  bool centred_ = false;
  GrowingArray<unsigned char> bytes_;
  GrowingArray<std::atomic<uint64_t>> current_;
  std::atomic<uint64_t> marked_{0};
  std::atomic<uint64_t> coded_{0};  // nodes there is memory for
};

}  // namespace sightline

#endif  // SIGHTLINE_CODES_INLINE_CODES_H_
