// Which removed rows are out of the graph, and which are being taken out.
#ifndef SIGHTLINE_INDEX_UNLINKED_ROWS_H_
#define SIGHTLINE_INDEX_UNLINKED_ROWS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/live_rows.h"
#include "hnsw/graph.h"
#include "index/key_table.h"

namespace sightline {

// Threads  count() by any; the rest by one writer.
class UnlinkedRows {
 public:
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  // Drops the rows from `from` on, and unfinished work.
  void Forget(uint64_t from);
  // Finds the removed rows that are not in the graph, after it was loaded or built.
  void Find(const Graph& graph, const KeyTable& keys);
  // Estimates count() from a sample, without reading all of a mapped graph.
  void Guess(const Graph& graph, const KeyTable& keys);

  // Begins to take out the removed nodes below `nodes`; Done follows when no link leads to them.
  void Begin(uint32_t nodes, const LiveRows& kept);
  // Whether work continues at node `first`; false if it was begun again, or rows were rolled back.
  bool GoesOnFrom(uint64_t first) const {
    return !leaving_.empty() && (first == 0 || first == next_);
  }
  void GoOnFrom(uint64_t next) { next_ = next; }
  const std::vector<uint32_t>& leaving() const { return leaving_; }
  // All leaving nodes are out, except the entry point.
  void Done(uint32_t entry);

 private:
  bool Has(uint64_t row) const;
  void Add(uint64_t row);

  std::vector<uint64_t> words_;  // bit r & 63 of word r >> 6
  std::atomic<uint64_t> count_{0};
  std::vector<uint32_t> leaving_;
  uint64_t next_ = 0;  // node
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_UNLINKED_ROWS_H_
