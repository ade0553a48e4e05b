// Row codes of an index: which, when they are made, and whether they rank its rows well enough.
// docs/adr/0008 has the figures.
#ifndef SIGHTLINE_INDEX_ROW_CODING_H_
#define SIGHTLINE_INDEX_ROW_CODING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>

#include "codes/row_codes.h"
#include "core/epoch.h"
#include "core/status.h"
#include "format/log_format.h"
#include "hnsw/hnsw.h"
#include "index/options.h"
#include "storage/row_store.h"

namespace sightline {

// Codes are only a faster way: without them searches walk on the rows, and those report what they
// meet. The codes of an index that was opened are made when it is warmed, or when it has grown to
// twice its size, so that neither opening nor adding a row to a large one waits for them.
//
// Threads  ForSearch, Reach, Uncoded, WhyNot and resident_bytes by any; the rest by one writer.
class RowCoding {
 public:
  // rows, readers and scratches outlive this.
  RowCoding(Storage storage, const IndexParameters& parameters, RowStore* rows, Epoch* readers,
            ScratchPool* scratches);
  // Before all others.
  void Use(const KernelTable* kernels) { kernels_ = kernels; }
  // There were so many rows without codes when the index was opened.
  void Opened(uint64_t rows) { opened_rows_ = rows; }

  // What searches walk on; null: on rows.
  std::shared_ptr<const RowCodes> ForSearch() const;
  // A query whose results are farther than this is farther from everything than rows are from each
  // other.
  float reach() const { return reach_; }
  // Rows to be coded by Next before searches use codes; 0 where they do or never will.
  uint64_t Uncoded(uint64_t rows) const;
  // Why searches do not walk on codes, in words for people.
  const char* WhyNot(uint64_t rows) const;
  uint64_t resident_bytes() const;

  // Codes the rows up to `rows`, or all of them again when there are many more than the centre was
  // taken from. Before the new rows are linked: whoever reaches a node finds its code.
  void Update(uint64_t rows, size_t threads);
  // The next of `rows` rows, some at a time; they are used when all have a code. *next: how many
  // have.
  Status Next(uint64_t rows, size_t threads, const Graph& graph, const Space& space,
              uint64_t* next);
  // Measures again where codes are new, or the rows they were measured on have become few.
  void MeasureIfDue(uint64_t rows, const Graph& graph, const Space& space);
  // Forgets the rows from `rows` on. No reader may be active.
  void Truncate(uint64_t rows);
  void Release();
  // Gives codes and what was measured to an index with the same `rows` rows in the same order; this
  // one is closed then.
  struct Measured {
    std::shared_ptr<RowCodes> codes;
    bool suits;
    float reach;
  };
  Measured Give() const;
  void Take(Measured measured, uint64_t rows);

  // What rows [from, rows) are best linked on; null: the rows. Kept from one part of an append to
  // the next, until DropLinking.
  std::shared_ptr<const RowCodes> ForLinking(uint64_t from, uint64_t rows, size_t threads);
  // Whether linking `rows` rows on such codes paid: else not again until there are twice as many.
  void LinkingPaid(bool paid, uint64_t rows) { linking_failed_at_ = paid ? 0 : rows; }
  void DropLinking() { for_linking_.reset(); }

 private:
  std::shared_ptr<const RowCodes> Codes() const;
  void Set(std::shared_ptr<RowCodes> codes);
  Status Begin(CodeKind kind, uint64_t rows, std::shared_ptr<RowCodes>* out) const;
  std::shared_ptr<RowCodes> Extended(CodeKind kind, std::shared_ptr<RowCodes> codes, uint64_t rows,
                                     size_t threads) const;
  void Measure(uint64_t rows, const Graph& graph, const Space& space);

  const Storage storage_;
  const IndexParameters parameters_;
  RowStore* rows_;
  Epoch* readers_;
  ScratchPool* scratches_;
  const KernelTable* kernels_ = nullptr;
  uint64_t opened_rows_ = 0;

  mutable std::mutex mutex_;  // for the pointer; what it points to only grows
  std::shared_ptr<RowCodes> codes_;
  std::shared_ptr<RowCodes> unfinished_;  // of Next, from call to call
  std::shared_ptr<RowCodes> for_linking_;
  uint64_t linking_failed_at_ = 0;  // rows there were; 0: it did not
  bool changed_ = false;            // codes_ is another since it was measured
  uint64_t measured_on_ = 0;        // rows there were then
  // Whether codes_ could answer for a sample of the rows.
  std::atomic<bool> suits_{false};
  std::atomic<float> reach_{std::numeric_limits<float>::infinity()};
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_ROW_CODING_H_
