// The rows of one index, in a growing file mapped read-only, or in memory. Appends durably and
// checks rows against their checksums before first use. Knows no keys, removals or log: the index
// passes the checksums.
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

// Threads  many readers, one writer (the index's writer lock). A view stays valid while rows are
//          appended, as long as its reader is counted by `readers`.
class RowStore {
 public:
  // rows_per_extent  rows covered by one checksum.
  // readers          waited for when rows move, see ReservedRange.
  RowStore(size_t dim, uint32_t rows_per_extent);

  Status OpenMemory(uint64_t max_rows, Epoch* readers = nullptr);
  // Maps the file at `location`; OpenMode::kCreateNew, kReadWrite or kRead.
  Status OpenFile(const FileLocation& location, OpenMode mode, uint64_t max_rows,
                  Epoch* readers = nullptr);

  // Adds committed rows from the log, not trusted until checked. Call CheckSize() before reading
  // any.
  Status Adopt(uint64_t rows, const std::vector<uint32_t>& crcs);
  // kFileCorrupt if the file is too short for the rows.
  Status CheckSize();
  // Whether its name still names this file. Not for memory.
  Status WhatNameNames(Named* out) const { return file_.WhatLocationNames(out); }
  // kFileCorrupt if mapped rows were lost, so that rows read before may be zeros: ask after using
  // them. Threads: any.
  Status CheckCut() const;

  // Appends rows durably; they do not count until Publish. crcs: their checksums, for the log
  // (empty in memory).
  // untouched  set to whether it failed before writing anything (a full disk).
  Status Write(const float* data, uint64_t rows, std::vector<uint32_t>* crcs, bool* untouched);
  // Publishes the rows of the last Write; they are trusted.
  void Publish(uint64_t rows, const std::vector<uint32_t>& crcs);

  // Checks the extent that keeping `rows` rows would cut, and computes the checksum of its rest.
  Status PlanTruncate(uint64_t rows, std::vector<uint32_t>* crcs);
  // Drops the rows from `rows` on; their bytes stay until overwritten. No reader may be active.
  void Truncate(uint64_t rows, const std::vector<uint32_t>& crcs);
  // The checksums in as few runs as possible; AdoptExtents uses them once they are in the log.
  std::vector<ExtentRun> JoinedExtents();
  void AdoptExtents(const std::vector<ExtentRun>& runs);
  // Truncates the file to `rows` rows; only for bytes that no commit ever covered.
  Status TrimFile(uint64_t rows);

  uint64_t count() const { return count_.load(std::memory_order_acquire); }
  // Maximum number of rows.
  uint64_t most() const { return bytes_.most() / (dim_ * sizeof(float)); }
  VectorView view() const;
  LazyCheck guard();
  // Checks rows [first, last) unless trusted.
  Status EnsureTrusted(uint64_t first, uint64_t last);
  // Checks all rows again; adds one line per damaged extent.
  void Recheck(std::vector<std::string>* problems);
  Status FileBytes(uint64_t* out) const;
  // Finds the first extent of the file, from `first` on, that does not match its checksum in
  // `extents`, and how many of its rows precede the first missing or unwritten one. whole = true if
  // all match.
  struct Flaw {
    bool whole = true;
    bool missing = false;  // a row of it is missing or unwritten; else bytes differ
    uint64_t first_row = 0;
    uint64_t written = 0;
  };
  Status FindFlaw(const Extents& extents, uint64_t first, Flaw* out) const;
  Status ChecksumOfFile(uint64_t first, uint64_t rows, uint32_t* crc) const;
  // Copies the rows to a new file, durably. kFileExists; kFileCorrupt if they are damaged.
  Status CopyTo(const FileLocation& location);
  // Copies the next rows of the file into private memory, see ReservedRange. No writer meanwhile.
  Status Promote();
  uint64_t promoted_bytes() const { return bytes_.promoted(); }
  bool in_memory() const { return !file_.is_open(); }
  // Releases memory, mapping and descriptor; nothing may be called afterwards.
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
  bool sized_ = false;  // the file was checked to hold the rows
  std::atomic<uint64_t> count_{0};
  GrowingArray<std::atomic<uint64_t>> trusted_;
  std::mutex extents_mutex_;
  Extents extents_;
};

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_ROW_STORE_H_
