// Inline codes: 1-bit codes of a node's neighbors beside its links, in one block per 32 links. One
// read prices all of them.
//
// Sources: RaBitQ, Gao and Long, arXiv:2405.12497 (the code and its unbiased estimate); SymphonyQG,
// Gou et al., arXiv:2411.12229 (codes relative to the node, beside its links; the exact distance of
// the node that is expanded). Ideas only; departures are told in docs/adr/0009.
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
// The first term is exact and known when v is expanded; what stands before the last f is kept as
// `offset`, f as `slope`, a byte each (InlineBlock); <s, R(q - c)> comes from table look-ups for 32
// neighbors at once. The estimate's deviation is about 0.75 |q - x| |y - x| / sqrt(dim).
//
// A block belongs to the list of links it was made of. When a list changes, its node is not current
// any more (Graph::Touch) until it is coded again.
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

// A query made ready. Memory is kept between queries.
struct InlineQuery {
  std::vector<float> rotated;
  AlignedArray<uint8_t> entries;
  SignTable table;
  float total = 0;  // sum of the rotated query
};

// Threads  any number of readers of current nodes; Encode of different nodes by several threads, if
//          no reader can still be reading them (the owner waits); the rest by one writer.
class InlineCodes {
 public:
  // links: places of a list, 2M.
  InlineCodes(const KernelTable* kernels, Metric metric, size_t dim, size_t links, uint64_t seed);

  // max_nodes: what there will be at most. readers: who is waited for when codes move.
  Status Reserve(uint64_t max_nodes, Epoch* readers = nullptr);
  // Marks for nodes [0, nodes), new ones not current; before any of them can be reached.
  // current_words() may be others then.
  Status GrowMarks(uint64_t nodes);
  // Memory for the codes of nodes [0, nodes); before they are coded.
  Status Grow(uint64_t nodes);
  // Takes the centre from a sample of the rows; once, before the first Encode.
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
  // No node from `first` on is current afterwards.
  void Forget(uint64_t first);

  struct Scratch {
    std::vector<float> from;
    std::vector<float> whole;
    std::vector<float> work;
    std::vector<uint16_t> to;
  };
  // Rows turned once instead of once per link: 2 bytes a value, `turned_stride` values a row. For
  // coding many nodes; their neighbors' rows are half as long then, and need no turning.
  size_t turned_stride() const { return rotation_.padded(); }
  void Turn(const VectorView& rows, uint32_t row, Scratch* scratch, uint16_t* out) const;
  // Codes the neighbors `ids` (n <= links) of `node`, all of them trusted rows of the view.
  // turned: what Turn gives for every row of the view, or nullptr.
  void Encode(const VectorView& rows, const uint16_t* turned, uint32_t node, const uint32_t* ids,
              size_t n, Scratch* scratch);

  void Prepare(const float* query, InlineQuery* out) const;
  size_t blocks() const { return blocks_; }
  const InlineBlock& Block(uint32_t node, size_t block) const {
    return *reinterpret_cast<const InlineBlock*>(bytes_.data() + node * stride_ +
                                                 block * block_bytes_);
  }
  // Bytes of a node, for fetching ahead.
  size_t stride() const { return stride_; }
  const InlineCodeKernels& kernels() const { return *kernels_->inline_codes; }
  // What is written to; more is reserved.
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
