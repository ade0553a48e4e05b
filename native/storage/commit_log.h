// embeddings.idx: the append-only list of commits. A commit counts once its record is durable.
#ifndef SIGHTLINE_STORAGE_COMMIT_LOG_H_
#define SIGHTLINE_STORAGE_COMMIT_LOG_H_

#include <array>
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
  static Status Create(const FileLocation& location, const IndexParameters& parameters,
                       const Uuid& uuid, CommitLog* out);
  // The same at `location` itself with these records, whose sequence, chain and crc are set;
  // nothing is renamed. Durable but for its name.
  static Status Write(const FileLocation& location, const IndexParameters& parameters,
                      const Uuid& uuid, std::vector<LogRecord>* records, CommitLog* out);
  // Reads and checks the header. writable: kFileLocked if somebody else has it open so. The folder
  // has a lock of its own, but that is a file which people delete.
  static Status Open(const FileLocation& location, bool writable, CommitLog* out);

  const IndexParameters& parameters() const { return parameters_; }
  const Uuid& uuid() const { return uuid_; }
  // Of the last record read or written; 0 and the header's CRC before the first.
  uint64_t sequence() const { return sequence_; }
  uint32_t chain() const { return chain_; }
  // A newer version wrote something only it may change.
  bool read_only_features() const { return read_only_features_; }
  uint64_t bytes() const { return end_; }
  // Whether its name is still this file's; another's after a compaction.
  Status WhatNameNames(Named* out) const { return file_.WhatLocationNames(out); }

  // Whether it still ends with the last record read or written. False if another program wrote to
  // it in place, as a restore of a backup by `cp` does.
  Status EndsAsKnown(bool* out) const;

  // Visits, in order, the records that were not visited yet. Stops at a torn tail.
  // last     of the records behind it only the visitor takes note: the log ends with it.
  // in_copy  stops at a record that was not written to its end, whatever follows: a copy of a log
  //          that grew may lack a page that is before one it has.
  // Returns  kFileCorrupt for damage, or what the visitor returned.
  Status ReadNew(const Visitor& visit, uint64_t last = ~uint64_t{0}, bool in_copy = false);
  // As it was opened, for another ReadNew.
  void Restart();
  // Whether ReadNew met records that came to be written, and left them out.
  bool left_records() const { return left_records_; }
  // Cuts a torn tail off. For the writer, after ReadNew.
  Status TrimTail();
  // Writes what was read or written so far to a new file, durably. kFileExists.
  Status CopyTo(const FileLocation& location) const;
  // Makes the record durable; sets its sequence, chain and crc.
  // untouched  set to whether a failure came before anything was written (a full disk). After any
  // other the file's end is unknown and the caller must stop writing.
  Status Append(LogRecord* record, bool* untouched);

 private:
  // Enough of a record's head, or of the file's, to tell it from any other: it has a checksum.
  static constexpr size_t kKnownBytes = 128;

  void Know(uint64_t offset, const unsigned char* bytes);

  File file_;
  IndexParameters parameters_;
  Uuid uuid_{};
  bool read_only_features_ = false;
  uint64_t sequence_ = 0;
  uint32_t chain_ = 0;
  uint32_t first_chain_ = 0;
  uint64_t end_ = kLogPage;    // behind the last good record
  uint64_t left_ = 0;          // bytes that were left behind it
  bool left_records_ = false;  // with records in them
  uint64_t known_at_ = 0;      // of the last record, or the header
  std::array<unsigned char, kKnownBytes> known_{};
};

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_COMMIT_LOG_H_
