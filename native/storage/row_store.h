// The rows of one index: in a growing file that is mapped read-only, or in memory.
//
// Does: append durably, map, check row bytes against their checksums before first use.
// Does not know keys, removals or the log; the index tells it which checksums cover which rows.
#ifndef SIGHTLINE_STORAGE_ROW_STORE_H_
#define SIGHTLINE_STORAGE_ROW_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/lazy_check.h"
#include "core/status.h"
#include "core/vector_view.h"
#include "platform/file.h"
#include "platform/growing_array.h"
#include "storage/extents.h"

namespace sightline {

// Threads  many readers; one writer at a time (the index's writer lock). A view stays good while
//          rows are appended, for as long as its reader is counted by `readers`.
class RowStore {
 public:
  // rows_per_extent  rows covered by one checksum. max_rows: the most there can be.
  // readers          who is waited for when rows move, see ReservedRange; views are theirs.
  RowStore(size_t dim, uint32_t rows_per_extent);

  Status OpenMemory(uint64_t max_rows, Epoch* readers = nullptr);
  // Maps the file at `location`; OpenMode::kCreateNew, kReadWrite or kRead.
  Status OpenFile(const FileLocation& location, OpenMode mode, uint64_t max_rows,
                  Epoch* readers = nullptr);

  // Tells that committed rows follow the known ones (from the log); their bytes are not trusted
  // until checked. CheckSize() has to follow before any is read.
  Status Adopt(uint64_t rows, const std::vector<uint32_t>& crcs);
  // kFileCorrupt if the file is too short for the rows.
  Status CheckSize();
  // Whether its name is still this file's. Not for memory.
  Status WhatNameNames(Named* out) const { return file_.WhatLocationNames(out); }
  // kFileCorrupt if rows were lost while they were mapped, so that what was read may be zeros: to
  // be asked after rows were used. Threads: any.
  Status CheckCut() const;

  // Writes `rows` rows behind the committed ones and makes them durable; they do not count until
  // Publish. crcs: their checksums, for the log (empty in memory).
  // untouched  set to whether a failure came before anything was written: no room.
  Status Write(const float* data, uint64_t rows, std::vector<uint32_t>* crcs, bool* untouched);
  // The rows of the last Write count now, and are trusted: we computed their checksums ourselves.
  void Publish(uint64_t rows, const std::vector<uint32_t>& crcs);

  // Checks the extent that keeping `rows` rows would cut and gives the checksum of what is left.
  Status PlanTruncate(uint64_t rows, std::vector<uint32_t>* crcs);
  // Forgets the rows from `rows` on; their bytes stay until overwritten. No reader may be active.
  void Truncate(uint64_t rows, const std::vector<uint32_t>& crcs);
  // The checksums as few appends would have them, and taking them for ours, when a log has them.
  std::vector<ExtentRun> JoinedExtents();
  void AdoptExtents(const std::vector<ExtentRun>& runs);
  // Cuts the file to `rows` rows; only for bytes that no commit ever covered.
  Status TrimFile(uint64_t rows);

  uint64_t count() const { return count_.load(std::memory_order_acquire); }
  // The most there can be.
  uint64_t most() const { return bytes_.most() / (dim_ * sizeof(float)); }
  VectorView view() const;
  LazyCheck guard();
  // Checks rows [first, last) unless known to be good.
  Status EnsureTrusted(uint64_t first, uint64_t last);
  // Checks all rows again, whatever is known; adds one line per damaged extent.
  void Recheck(std::vector<std::string>* problems);
  Status FileBytes(uint64_t* out) const;
  // Of the file, whatever counts: the first extent from `first` on that does not match its checksum
  // in `extents`, and how many of its rows stand before the first that is missing or was visibly
  // not written. kOk with whole = true if all match.
  struct Flaw {
    bool whole = true;
    bool missing = false;  // a row of it is not there or not written; else it has other bytes
    uint64_t first_row = 0;
    uint64_t written = 0;
  };
  Status FindFlaw(const Extents& extents, uint64_t first, Flaw* out) const;
  Status ChecksumOfFile(uint64_t first, uint64_t rows, uint32_t* crc) const;
  // Writes the rows that count to a new file, durably. kFileExists; kFileCorrupt if they are
  // damaged.
  Status CopyTo(const FileLocation& location);
  // Brings the next rows of the file into memory of ours, see ReservedRange. No writer meanwhile.
  Status Promote();
  uint64_t promoted_bytes() const { return bytes_.promoted(); }
  bool in_memory() const { return !file_.is_open(); }
  // Gives memory, mapping and descriptor back; nothing may be called afterwards.
  void Close();

 private:
  static bool CheckRow(void* self, size_t row);
  bool ExtentMatches(const Extent& extent) const;
  bool ExtentOfFileMatches(const Extent& extent) const;
  void Trust(uint64_t first, uint64_t last);
  uint64_t OffsetOf(uint64_t row) const { return row * dim_ * sizeof(float); }

  size_t dim_;
  uint32_t rows_per_extent_;
  File file_;
  ReservedRange bytes_;
  bool sized_ = false;  // the file was seen to hold the rows that count
  std::atomic<uint64_t> count_{0};
  GrowingArray<std::atomic<uint64_t>> trusted_;
  std::mutex extents_mutex_;
  Extents extents_;
};

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_ROW_STORE_H_
