// embeddings.idx: the append-only commit log. A record that is durable is committed.
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

// Threads  guarded by the index's writer lock.
class CommitLog {
 public:
  using Visitor = std::function<Status(const LogRecord&)>;

  // Writes a durable header. kFileExists.
  static Status Create(const FileLocation& location, const IndexParameters& parameters,
                       const Uuid& uuid, CommitLog* out);
  // Writes header and records, whose sequence, chain and crc it sets, without a rename. The
  // contents are durable, the name is not.
  static Status Write(const FileLocation& location, const IndexParameters& parameters,
                      const Uuid& uuid, std::vector<LogRecord>* records, CommitLog* out);
  // Reads and checks the header. writable: kFileLocked if another writer has it open; the folder's
  // lock does not suffice, because people delete that file.
  static Status Open(const FileLocation& location, bool writable, CommitLog* out);

  const IndexParameters& parameters() const { return parameters_; }
  const Uuid& uuid() const { return uuid_; }
  // Of the last record read or written; 0 and the header's CRC before the first.
  uint64_t sequence() const { return sequence_; }
  uint32_t chain() const { return chain_; }
  // True if only a newer version may change the file.
  bool read_only_features() const { return read_only_features_; }
  uint64_t bytes() const { return end_; }
  // Whether its name still names this file; another one after a compaction.
  Status WhatNameNames(Named* out) const { return file_.WhatLocationNames(out); }

  // Whether it still ends with the last record read or written. False if another program overwrote
  // it, as restoring a backup by `cp` does.
  Status EndsAsKnown(bool* out) const;

  // Visits new records in order. Stops at a torn tail.
  // last     the log ends with this record; the visitor still sees later ones.
  // in_copy  stops at a torn record, whatever follows: a copy of a growing log may lack a page and
  //          have later ones.
  // Returns  kFileCorrupt for damage, or what the visitor returned.
  Status ReadNew(const Visitor& visit, uint64_t last = ~uint64_t{0}, bool in_copy = false);
  // Resets the state of reading, for another ReadNew.
  void Restart();
  // Whether ReadNew left out records at the end.
  bool left_records() const { return left_records_; }
  // Truncates a torn tail. For the writer, after ReadNew.
  Status TrimTail();
  // Copies the known records to a new file, durably. kFileExists.
  Status CopyTo(const FileLocation& location) const;
  // Makes the record durable; sets its sequence, chain and crc.
  // untouched  set to whether it failed before writing anything (a full disk). After any other
  //            failure the file's end is unknown and the caller must stop writing.
  Status Append(LogRecord* record, bool* untouched);

 private:
  // The head of a record, or of the file: identifies it, because it has a checksum.
  static constexpr size_t kKnownBytes = 128;

  void Know(uint64_t offset, const unsigned char* bytes);

  File file_;
  IndexParameters parameters_;
  Uuid uuid_{};
  bool read_only_features_ = false;
  uint64_t sequence_ = 0;
  uint32_t chain_ = 0;
  uint32_t first_chain_ = 0;
  uint64_t end_ = kLogPage;    // end of the last good record
  uint64_t left_ = 0;          // bytes left out after it
  bool left_records_ = false;  // whether these contain records
  uint64_t known_at_ = 0;      // offset of the last record, or the header
  std::array<unsigned char, kKnownBytes> known_{};
};

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_COMMIT_LOG_H_
