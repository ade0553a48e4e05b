#include "storage/commit_log.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "platform/lock.h"

namespace sightline {

Status CommitLog::Create(const FileLocation& location, const IndexParameters& parameters,
                         const Uuid& uuid, CommitLog* out) {
  const std::vector<unsigned char> header = EncodeLogHeader(parameters, uuid);
  // Written beside and renamed: a folder never has a log without a header.
  const FileLocation beside = location.With(".tmp");
  {
    File file;
    SL_RETURN_IF_ERROR(File::Open(beside, OpenMode::kTruncate, &file));
    SL_RETURN_IF_ERROR(file.WriteAt(0, header.data(), header.size()));
    SL_RETURN_IF_ERROR(file.Sync());
    SL_RETURN_IF_ERROR(file.Close());
  }
  SL_RETURN_IF_ERROR(RenameDurable(beside, location));
  return Open(location, true, out);
}

Status CommitLog::Write(const FileLocation& location, const IndexParameters& parameters,
                        const Uuid& uuid, std::vector<LogRecord>* records, CommitLog* out) {
  CommitLog log;
  log.parameters_ = parameters;
  log.uuid_ = uuid;
  const std::vector<unsigned char> header = EncodeLogHeader(parameters, uuid);
  bool read_only = false;
  IndexParameters same;
  Uuid same_uuid{};
  SL_RETURN_IF_ERROR(
      DecodeLogHeader(header.data(), location.path(), &same, &same_uuid, &log.chain_, &read_only));
  SL_RETURN_IF_ERROR(File::Open(location, OpenMode::kTruncate, &log.file_));
  SL_RETURN_IF_ERROR(log.file_.WriteAt(0, header.data(), header.size()));
  for (LogRecord& record : *records) {
    record.sequence = log.sequence_ + 1;
    record.chain = log.chain_;
    const std::vector<unsigned char> bytes = EncodeRecord(&record);
    SL_RETURN_IF_ERROR(log.file_.WriteAt(log.end_, bytes.data(), bytes.size()));
    log.sequence_ = record.sequence;
    log.chain_ = record.crc;
    log.end_ += bytes.size();
  }
  SL_RETURN_IF_ERROR(log.file_.Sync());
  *out = std::move(log);
  return Status::Ok();
}

Status CommitLog::Open(const FileLocation& location, bool writable, CommitLog* out) {
  CommitLog log;
  SL_RETURN_IF_ERROR(
      File::Open(location, writable ? OpenMode::kReadWrite : OpenMode::kRead, &log.file_));
  if (writable) SL_RETURN_IF_ERROR(LockNow(log.file_.descriptor(), location.path()));
  std::vector<unsigned char> header(kLogPage);
  SL_RETURN_IF_ERROR(log.file_.ReadAt(0, header.data(), header.size()));
  SL_RETURN_IF_ERROR(DecodeLogHeader(header.data(), location.path(), &log.parameters_, &log.uuid_,
                                     &log.chain_, &log.read_only_features_));
  log.first_chain_ = log.chain_;
  log.Know(0, header.data());
  *out = std::move(log);
  return Status::Ok();
}

void CommitLog::Know(uint64_t offset, const unsigned char* bytes) {
  known_at_ = offset;
  std::copy_n(bytes, kKnownBytes, known_.begin());
}

Status CommitLog::EndsAsKnown(bool* out) const {
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file_.Size(&size));
  std::array<unsigned char, kKnownBytes> now{};
  size_t got = 0;
  SL_RETURN_IF_ERROR(file_.ReadSome(known_at_, now.data(), now.size(), &got));
  *out = size == end_ + left_ && now == known_;
  return Status::Ok();
}

void CommitLog::Restart() {
  sequence_ = 0;
  chain_ = first_chain_;
  end_ = kLogPage;
  left_ = 0;
  left_records_ = false;
}

Status CommitLog::ReadNew(const Visitor& visit, uint64_t last, bool in_copy) {
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file_.Size(&size));
  if (size <= end_) return Status::Ok();
  std::vector<unsigned char> bytes(size - end_);
  size_t got = 0;
  const uint64_t from = end_;
  SL_RETURN_IF_ERROR(file_.ReadSome(from, bytes.data(), bytes.size(), &got));
  const uint32_t rows_per_extent = parameters_.rows_per_extent();
  LogRecord record;
  uint64_t sequence = sequence_;
  uint32_t chain = chain_;
  for (size_t at = 0; at < got;) {
    size_t length = 0;
    const RecordState state =
        DecodeRecord(bytes.data() + at, got - at, rows_per_extent, &record, &length);
    if (state != RecordState::kValid) {
      const size_t next = at + (length == 0 ? kLogPage : length);
      const bool later = next < got && HoldsLaterRecord(bytes.data() + next, got - next,
                                                        rows_per_extent, sequence);
      if (state == RecordState::kTorn && (in_copy || !later)) {
        left_records_ = left_records_ || later;
        break;
      }
      return Status(StatusCode::kFileCorrupt, file_.path() + ": the record at byte " +
                                                  std::to_string(from + at) + " is damaged");
    }
    if (record.sequence != sequence + 1 || record.chain != chain) {
      return Status(StatusCode::kFileCorrupt,
                    file_.path() + ": record " + std::to_string(record.sequence) + " at byte " +
                        std::to_string(from + at) + " does not continue record " +
                        std::to_string(sequence));
    }
    SL_RETURN_IF_ERROR(visit(record));
    sequence = record.sequence;
    chain = record.crc;
    if (sequence <= last) {
      sequence_ = sequence;
      chain_ = chain;
      Know(from + at, bytes.data() + at);
      end_ = from + at + length;
    } else {
      left_records_ = true;
    }
    at += length;
  }
  left_ = size - end_;
  return Status::Ok();
}

Status CommitLog::TrimTail() {
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file_.Size(&size));
  left_ = 0;
  if (size <= end_) return Status::Ok();
  SL_RETURN_IF_ERROR(file_.Truncate(end_));
  return file_.Sync();
}

Status CommitLog::CopyTo(const FileLocation& location) const {
  File copy;
  SL_RETURN_IF_ERROR(File::Open(location, OpenMode::kCreateNew, &copy));
  SL_RETURN_IF_ERROR(file_.CopyTo(end_, &copy));
  SL_RETURN_IF_ERROR(copy.Sync());
  return copy.Close();
}

Status CommitLog::Append(LogRecord* record, bool* untouched) {
  *untouched = true;  // also if there is no memory for the bytes
  record->sequence = sequence_ + 1;
  record->chain = chain_;
  const std::vector<unsigned char> bytes = EncodeRecord(record);
  *untouched = false;
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file_.Size(&size));
  if (size < end_) {
    // Appending would leave zeros in place of the lost records.
    return Status(StatusCode::kFileCorrupt, file_.path() + " has " + std::to_string(size) +
                                                " bytes, written were " + std::to_string(end_));
  }
  const Status room = file_.Allocate(end_ + bytes.size());
  if (!room.ok()) {
    // Nothing was written. If truncating the reserved zeros fails too, they read as a torn tail.
    (void)file_.Truncate(end_);
    *untouched = room.code() == StatusCode::kDiskFull;
    return room;
  }
  SL_RETURN_IF_ERROR(file_.WriteAt(end_, bytes.data(), bytes.size()));
  SL_RETURN_IF_ERROR(file_.SyncData());
  sequence_ = record->sequence;
  chain_ = record->crc;
  Know(end_, bytes.data());
  end_ += bytes.size();
  return Status::Ok();
}

}  // namespace sightline
