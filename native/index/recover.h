// A folder that was copied file by file while it was written to. Its files are of different
// moments: rows that the log counts are missing at the end or were not written yet, or the log ends
// before the snapshot. An index in its place with the same bytes lost what it had acknowledged, so
// the folder says which of the two it is (LOCK names itself, see FileLock); a copy is opened at its
// last whole commit and says what was left out.
//
// Nothing is written until the first write: that puts a log of what is left in the place of the
// one that was copied.
#ifndef SIGHTLINE_INDEX_RECOVER_H_
#define SIGHTLINE_INDEX_RECOVER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"
#include "format/log_format.h"
#include "index/key_table.h"
#include "index/payload_table.h"
#include "storage/commit_log.h"
#include "storage/row_store.h"

namespace sightline {

// How much of the log of a copy is applied.
struct WholeLog {
  uint64_t last = ~uint64_t{0};  // record
  uint64_t part = 0;             // and rows of the next
  uint64_t folded = 0;           // the last record that folding made
  uint64_t left_rows = 0;

  bool EndsWithin(const LogRecord& record) const {
    return part > 0 && record.sequence > last && record.sequence <= folded;
  }
};

// Reads the log, and the rows as far as that takes, and leaves the log as it was opened.
//
// rows_file  what messages call the rows.
// out        all of the log also where rows are damaged for another reason.
Status FindWhole(CommitLog* log, const RowStore& rows, const std::string& rows_file, WholeLog* out);

// The first rows of a record that folding made, and which of them the records behind it say were
// removed. A row that gave way to one that is missing is the last that its key had: it stays.
class PartOfFold {
 public:
  PartOfFold(const IndexParameters& parameters, RowStore* rows, KeyTable* keys,
             PayloadTable* payloads)
      : rows_per_extent_(parameters.rows_per_extent()),
        rows_(rows),
        keys_(keys),
        payloads_(payloads) {}
  // Each of the records that `whole` ends within, in order.
  Status Apply(const LogRecord& record, const WholeLog& whole);

 private:
  Status AppendPart(const LogRecord& record, uint64_t count);

  const uint64_t rows_per_extent_;
  RowStore* rows_;
  KeyTable* keys_;
  PayloadTable* payloads_;
  // What was read and not applied.
  std::vector<int64_t> missing_keys_;
  std::vector<uint32_t> removed_;
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_RECOVER_H_
