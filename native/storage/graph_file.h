// hnsw_index.bin: reads and atomically replaces the snapshot of the graph. Knows sections of bytes,
// not what they mean.
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
  // Reads and checks the header. kFileMissing if there is none.
  static Status Open(const FileLocation& location, GraphFile* out);

  const GraphHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }

  // Lays the base section copy-on-write over the beginning of `base`, and reads the upper lists
  // (checked) into the beginning of `upper`. Both are fresh ranges. Base blocks are not checked.
  Status Map(ReservedRange* base, ReservedRange* upper);
  // Check of base blocks before first use; index: block number, which must be one of the
  // snapshot's. Only for a graph that nobody changes. Keep this object at its address.
  LazyCheck guard();
  // Checks every block now. To be called before the graph is changed; no guard is needed then.
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
// that no one changes meanwhile. The header's two CRCs are computed here. On failure the old one is
// untouched. kFileCorrupt if `base` lies over a snapshot that was cut while it was mapped.
// written  what the new one is known by, also if it only could not be made durable.
Status WriteGraphFile(const FileLocation& location, const GraphHeader& header,
                      const ReservedRange& base, const ReservedRange& upper, FileStamp* written);

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_GRAPH_FILE_H_
