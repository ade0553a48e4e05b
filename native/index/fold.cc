// Writing the log anew when many small commits made it long: their records, a page each, become
// few.
//
//   embeddings.idx.tmp   1. the same keys, checksums and removals in as few records as they take
//   hnsw_index.bin       2. the graph, bound to the end of that log
//   embeddings.idx       3. the new log in the place of the old one: the commit
//
// The new log has a uuid of its own, so that after a crash between 2 and 3 the graph is not taken
// for the old log's; it is built again then. Rows stay where they are. Readers keep the log they
// have open, by the kernel's count of it; who is opening looks whether it still has its name.
#include <algorithm>
#include <utility>

#include "index/caught.h"
#include "index/file_names.h"
#include "index/index.h"
#include "platform/entropy.h"
#include "platform/file.h"

namespace sightline {
namespace {

// A log of so many bytes is none to speak of.
constexpr uint64_t kShortLog = uint64_t{64} << 10;
// What many small commits may add before a write folds them: it writes the graph, too.
constexpr uint64_t kSlack = uint64_t{256} << 10;

// The present state as a history: rows that count, rows that once did and may still be mapped by
// somebody, removals.
std::vector<LogRecord> FoldedRecords(const KeyTable& keys, const PayloadTable& payloads,
                                     const std::vector<ExtentRun>& runs, uint64_t committed_once,
                                     uint64_t rows_per_extent) {
  std::vector<LogRecord> records;
  uint64_t first = 0;
  const auto append = [&](uint64_t rows, const std::vector<uint32_t>& crcs) {
    LogRecord record;
    record.type = RecordType::kAppend;
    record.first_row = first;
    record.rows_after = first + rows;
    record.crcs = crcs;
    records.push_back(std::move(record));
    first += rows;
  };
  for (const ExtentRun& run : runs) {
    append(run.rows, run.crcs);
    LogRecord& record = records.back();
    std::vector<uint32_t> rows;
    for (uint64_t row = record.first_row; row < first; ++row) {
      record.keys.push_back(keys.key_of(row));
      rows.push_back(static_cast<uint32_t>(row));
    }
    record.payloads = payloads.Copy(rows);
  }
  const uint64_t count = keys.rows();
  if (committed_once > count) {
    const uint64_t rolled_back = committed_once - count;
    const uint64_t extents = (rolled_back + rows_per_extent - 1) / rows_per_extent;
    append(rolled_back, std::vector<uint32_t>(extents));
    records.back().keys.assign(rolled_back, 0);
    LogRecord back;
    back.type = RecordType::kRollback;
    back.first_row = back.rows_after = count;
    records.push_back(std::move(back));
  }
  LogRecord removed;
  removed.type = RecordType::kRemove;
  removed.rows_after = count;
  for (uint64_t row = 0; row < count; ++row) {
    if (!keys.alive(row)) removed.rows.push_back(static_cast<uint32_t>(row));
  }
  if (!removed.rows.empty()) records.push_back(std::move(removed));
  // A rollback that takes nothing, as no other writer makes one: here ends what was folded.
  LogRecord end;
  end.type = RecordType::kRollback;
  end.first_row = end.rows_after = count;
  records.push_back(std::move(end));
  return records;
}

// What the log would take at least, but for records that cannot be joined.
uint64_t LeastLogBytes(const KeyTable& keys, const PayloadTable& payloads,
                       const IndexParameters& parameters) {
  const uint64_t rows = keys.rows();
  const uint64_t lengths = payloads.bytes() > 0 ? rows * 4 : 0;
  return kLogPage + payloads.bytes() + lengths + rows * 8 +
         rows / parameters.rows_per_extent() * 4 + (rows - keys.live()) * 4;
}

}  // namespace

std::vector<LogRecord> Index::Folded(const std::vector<ExtentRun>& runs) const {
  return FoldedRecords(keys_, payloads_, runs, committed_once_, parameters_.rows_per_extent());
}

bool Index::FoldIsDue(bool writing) const {
  if (path_.empty()) return false;
  if (!broken_.ok()) return false;
  const uint64_t least = LeastLogBytes(keys_, payloads_, parameters_);
  // Behind a write, up to eight times as long: to fold costs more than one write. But not much
  // longer than the rows, where those are short.
  const uint64_t rows = 2 * keys_.rows() * parameters_.row_bytes();
  const uint64_t most =
      writing ? kSlack + std::max(2 * least, std::min(8 * least, rows)) : kShortLog + 2 * least;
  // What was left after the last time cannot be shortened.
  return log_.bytes() > most && log_.bytes() > 2 * folded_bytes_ + kShortLog;
}

// Behind a commit, which stands whatever becomes of this.
void Index::FoldIfDue(bool writing) {
  if (!FoldIsDue(writing)) return;
  // Without memory for it, the next write may have it.
  (void)Caught([&] { return FoldLog(false); });
}

Status Index::Fold() {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  SL_RETURN_IF_ERROR(MayWrite());
  if (path_.empty()) return Status::Ok();
  SL_RETURN_IF_ERROR(Own());
  return FoldLog(true);
}

Status Index::AllowPayloads(const Payloads& payloads) {
  if (payloads.empty() || path_.empty() || log_.parameters().payloads) return Status::Ok();
  return FoldLog(true, true);
}

// anyway: also where the log does not get much shorter. payloads: announces them.
Status Index::FoldLog(bool anyway, bool payloads) {
  folded_bytes_ = log_.bytes();
  const std::vector<ExtentRun> runs = rows_.JoinedExtents();
  std::vector<LogRecord> records = Folded(runs);
  Uuid uuid;
  SL_RETURN_IF_ERROR(RandomBytes(uuid.data(), uuid.size()));
  const FileLocation beside = In(kLogName).With(".tmp");
  CommitLog fresh;
  IndexParameters parameters = log_.parameters();
  parameters.payloads = parameters.payloads || payloads;
  const Status written = CommitLog::Write(beside, parameters, uuid, &records, &fresh);
  if (!written.ok() || (!anyway && 2 * fresh.bytes() > log_.bytes())) {
    (void)RemoveFile(beside);
    return written;
  }
  // From here on the snapshot on disk is none of the log that counts, until the rename.
  unsaved_ = true;
  const Status saved = WriteSnapshot(fresh);
  if (!saved.ok()) {
    (void)RemoveFile(beside);
    return saved;
  }
  const Status taken = Caught([&] { return TakeFolded(beside, fresh, runs); });
  // Which of the two logs counts is not known then.
  if (!taken.ok()) broken_ = taken;
  return taken;
}

// The new log in the place of the old one.
Status Index::TakeFolded(const FileLocation& beside, const CommitLog& fresh,
                         const std::vector<ExtentRun>& runs) {
  SL_RETURN_IF_ERROR(RenameDurable(beside, In(kLogName)));
  unsaved_ = false;
  CommitLog renamed;
  SL_RETURN_IF_ERROR(CommitLog::Open(In(kLogName), true, &renamed));
  SL_RETURN_IF_ERROR(renamed.ReadNew([](const LogRecord&) { return Status::Ok(); }));
  if (renamed.chain() != fresh.chain()) {
    return Status(StatusCode::kFileCorrupt, FileIn(kLogName) + " is not what was written");
  }
  rows_.AdoptExtents(runs);
  log_ = std::move(renamed);
  folded_bytes_ = log_.bytes();
  return Status::Ok();
}

// Before anything is written. The log that was copied goes on being the one that counts until
// another has taken its name.
Status Index::Own() {
  if (path_.empty()) return Status::Ok();
  if (owns_) return Status::Ok();
  SL_RETURN_IF_ERROR(FoldLog(true));
  owns_ = true;
  lock_.Claim();
  return rows_.TrimFile(committed_once_);
}

}  // namespace sightline
