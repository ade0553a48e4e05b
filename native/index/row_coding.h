// Row codes of an index: their kind, when they are made, and whether they suit its rows. Figures:
// docs/adr/0008.
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

// Without codes searches walk on rows. An opened index gets its codes when it is warmed, or when it
// has doubled, so that neither opening nor adding a row waits for them.
//
// Threads  ForSearch, Reach, Uncoded, WhyNot and resident_bytes by any; the rest by one writer.
class RowCoding {
 public:
  // rows, readers and scratches outlive this.
  RowCoding(Storage storage, const IndexParameters& parameters, RowStore* rows, Epoch* readers,
            ScratchPool* scratches);
  // Call first.
  void Use(const KernelTable* kernels) { kernels_ = kernels; }
  // The number of rows without codes when the index was opened.
  void Opened(uint64_t rows) { opened_rows_ = rows; }

  // The codes that searches walk on; null: on rows.
  std::shared_ptr<const RowCodes> ForSearch() const;
  // If the results of a query are farther than this, it is farther from all rows than rows are from
  // each other.
  float reach() const { return reach_; }
  // Rows that Next must code before searches use codes; 0 if they do or never will.
  uint64_t Uncoded(uint64_t rows) const;
  // Why searches do not walk on codes, for messages.
  const char* WhyNot(uint64_t rows) const;
  uint64_t resident_bytes() const;

  // Codes the rows up to `rows`, or all of them again if a new centre is due. Call before new rows
  // are linked: a reader that reaches a node must find its code.
  void Update(uint64_t rows, size_t threads);
  // Codes the next of `rows` rows; codes are used once all rows have them. *next: rows coded.
  Status Next(uint64_t rows, size_t threads, const Graph& graph, const Space& space,
              uint64_t* next);
  // Measures again if codes are new or the rows have grown.
  void MeasureIfDue(uint64_t rows, const Graph& graph, const Space& space);
  // Drops the rows from `rows` on. No reader may be active.
  void Truncate(uint64_t rows);
  void Release();
  // Moves codes and measurements to an index with the same rows in the same order.
  struct Measured {
    std::shared_ptr<RowCodes> codes;
    bool suits;
    float reach;
  };
  Measured Give() const;
  void Take(Measured measured, uint64_t rows);

  // The codes to link rows [from, rows) on; null: link on rows. Kept between the parts of an
  // append, until DropLinking.
  std::shared_ptr<const RowCodes> ForLinking(uint64_t from, uint64_t rows, size_t threads);
  // Whether linking `rows` rows on codes paid; if not, codes are not tried until there are twice as
  // many.
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

  mutable std::mutex mutex_;  // guards the pointer; the codes only grow
  std::shared_ptr<RowCodes> codes_;
  std::shared_ptr<RowCodes> unfinished_;  // by Next
  std::shared_ptr<RowCodes> for_linking_;
  uint64_t linking_failed_at_ = 0;  // number of rows then; 0: never
  bool changed_ = false;            // codes_ was replaced since it was measured
  uint64_t measured_on_ = 0;        // number of rows then
  // Whether codes_ passed the measurement.
  std::atomic<bool> suits_{false};
  std::atomic<float> reach_{std::numeric_limits<float>::infinity()};
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_ROW_CODING_H_
