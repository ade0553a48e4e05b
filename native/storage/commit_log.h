// embeddings.idx: the append-only list of commits. A commit counts once its record is durable.
#ifndef SIGHTLINE_STORAGE_COMMIT_LOG_H_
#define SIGHTLINE_STORAGE_COMMIT_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/status.h"
#include "format/log_format.h"
#include "platform/file.h"

namespace sightline {

// Threads  none of its own: the index's writer lock.
class CommitLog {
 public:
  using Visitor = std::function<Status(const LogRecord&)>;

  // Writes a durable header. kFileExists if there is a log already.
  static Status Create(const std::string& path, const IndexParameters& parameters, const Uuid& uuid,
                       CommitLog* out);
  // The same at `path` itself with these records, whose sequence, chain and crc are set; nothing is
  // renamed. Durable but for its name.
  static Status Write(const std::string& path, const IndexParameters& parameters, const Uuid& uuid,
                      std::vector<LogRecord>* records, CommitLog* out);
  // Reads and checks the header.
  static Status Open(const std::string& path, bool writable, CommitLog* out);

  const IndexParameters& parameters() const { return parameters_; }
  const Uuid& uuid() const { return uuid_; }
  // Of the last record read or written; 0 and the header's CRC before the first.
  uint64_t sequence() const { return sequence_; }
  uint32_t chain() const { return chain_; }
  // A newer version wrote something only it may change.
  bool read_only_features() const { return read_only_features_; }
  uint64_t bytes() const { return end_; }
  // Whether the path still names the file that was opened; false after a compaction.
  Status IsCurrent(bool* out) const { return file_.IsNamed(out); }

  // Visits, in order, the records that were not visited yet. Stops at a torn tail.
  // Returns  kFileCorrupt for damage, or what the visitor returned.
  Status ReadNew(const Visitor& visit);
  // Cuts a torn tail off. For the writer, after ReadNew.
  Status TrimTail();
  // Makes the record durable; sets its sequence, chain and crc.
  // untouched  set to whether a failure came before anything was written (a full disk). After any
  // other the file's end is unknown and the caller must stop writing.
  Status Append(LogRecord* record, bool* untouched);

 private:
  Status Check(const LogRecord& record) const;

  File file_;
  IndexParameters parameters_;
  Uuid uuid_{};
  bool read_only_features_ = false;
  uint64_t sequence_ = 0;
  uint32_t chain_ = 0;
  uint64_t end_ = kLogPage;  // behind the last good record
};

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_COMMIT_LOG_H_
