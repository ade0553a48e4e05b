// hnsw_index.bin: reads and atomically replaces the graph snapshot. Knows sections of bytes, not
// their meaning.
#ifndef SIGHTLINE_STORAGE_GRAPH_FILE_H_
#define SIGHTLINE_STORAGE_GRAPH_FILE_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/lazy_check.h"
#include "core/status.h"
#include "format/graph_format.h"
#include "platform/file.h"
#include "platform/growing_array.h"

namespace sightline {

// An open snapshot. Threads: after Map, guard() may be used by any.
class GraphFile {
 public:
  // Reads and checks the header. kFileMissing.
  static Status Open(const FileLocation& location, GraphFile* out);

  const GraphHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }

  // Maps the base section copy-on-write over the beginning of `base`, and reads the upper lists
  // into `upper`, checked. Both are fresh ranges. Base blocks are not checked.
  Status Map(ReservedRange* base, ReservedRange* upper);
  // Checks base blocks of the snapshot before first use. Only for a graph that does not change.
  // This object must not move.
  LazyCheck guard();
  // Checks all blocks, as required before the graph changes; then no guard is needed.
  Status CheckAll();

 private:
  static bool CheckBlock(void* self, size_t block);

  File file_;
  GraphHeader header_;
  GraphLayout layout_;
  const unsigned char* base_ = nullptr;
  std::vector<uint32_t> crcs_;
  std::vector<std::atomic<uint64_t>> checked_;
  std::mutex mutex_;
};

// Replaces the snapshot at `location`. base, upper: nodes * 8 * m and upper_lists * 4 * m bytes
// that do not change meanwhile. Computes the header's two CRCs. A failure leaves the old snapshot.
// kFileCorrupt if `base` maps a snapshot that was cut meanwhile.
// written  stamp of the new snapshot, also if only making it durable failed.
Status WriteGraphFile(const FileLocation& location, const GraphHeader& header,
                      const ReservedRange& base, const ReservedRange& upper, FileStamp* written);

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_GRAPH_FILE_H_
