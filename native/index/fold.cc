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
#include <new>
#include <utility>

#include "index/index.h"
#include "index/names.h"
#include "platform/entropy.h"
#include "platform/file.h"

namespace sightline {
namespace {

// A log of so many bytes is none to speak of.
constexpr uint64_t kShortLog = uint64_t{64} << 10;
// What many small commits may add before a write folds them: it writes the graph, too.
constexpr uint64_t kSlack = uint64_t{256} << 10;

}  // namespace

// What the log would take at least, but for records that cannot be joined.
uint64_t Index::LeastLogBytes() const {
  const uint64_t rows = keys_.rows();
  return kLogPage + rows * 8 + rows / parameters_.rows_per_extent() * 4 + (rows - keys_.live()) * 4;
}

bool Index::FoldIsDue(bool writing) const {
  if (path_.empty()) return false;
  if (!broken_.ok()) return false;
  const uint64_t least = LeastLogBytes();
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
  try {
    (void)FoldLog(false);
  } catch (const std::bad_alloc&) {
    // The next write may have the memory.
  }
}

Status Index::Fold() {
  const std::lock_guard<std::mutex> writing(writer_);
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  SL_RETURN_IF_ERROR(MayWrite());
  if (path_.empty()) return Status::Ok();
  SL_RETURN_IF_ERROR(Own());
  return FoldLog(true);
}

// The present state as a history: rows that count, rows that once did and may still be mapped by
// somebody, removals.
std::vector<LogRecord> Index::FoldedRecords(const std::vector<ExtentRun>& runs) const {
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
    for (uint64_t row = record.first_row; row < first; ++row) {
      record.keys.push_back(keys_.key_of(row));
    }
  }
  const uint64_t count = keys_.rows();
  if (committed_once_ > count) {
    const uint64_t gone = committed_once_ - count;
    const uint64_t extents =
        (gone + parameters_.rows_per_extent() - 1) / parameters_.rows_per_extent();
    append(gone, std::vector<uint32_t>(extents));
    records.back().keys.assign(gone, 0);
    LogRecord back;
    back.type = RecordType::kRollback;
    back.first_row = back.rows_after = count;
    records.push_back(std::move(back));
  }
  LogRecord removed;
  removed.type = RecordType::kRemove;
  removed.rows_after = count;
  for (uint64_t row = 0; row < count; ++row) {
    if (!keys_.alive(row)) removed.rows.push_back(static_cast<uint32_t>(row));
  }
  if (!removed.rows.empty()) records.push_back(std::move(removed));
  // A rollback that takes nothing, as no other writer makes one: here ends what was folded.
  LogRecord end;
  end.type = RecordType::kRollback;
  end.first_row = end.rows_after = count;
  records.push_back(std::move(end));
  return records;
}

// anyway: also where the log does not get much shorter.
Status Index::FoldLog(bool anyway) {
  folded_bytes_ = log_.bytes();
  const std::vector<ExtentRun> runs = rows_.JoinedExtents();
  std::vector<LogRecord> records = FoldedRecords(runs);
  Uuid uuid;
  SL_RETURN_IF_ERROR(RandomBytes(uuid.data(), uuid.size()));
  const FilePlace beside = In(kLogName).With(".tmp");
  CommitLog fresh;
  const Status written = CommitLog::Write(beside, parameters_, uuid, &records, &fresh);
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
  Status taken;
  try {
    taken = TakeFolded(beside, fresh, runs);
  } catch (const std::bad_alloc&) {
    taken = Status(StatusCode::kNoMemory, "no memory");
  }
  // Which of the two logs counts is not known then.
  if (!taken.ok()) broken_ = taken;
  return taken;
}

// The new log in the place of the old one.
Status Index::TakeFolded(const FilePlace& beside, const CommitLog& fresh,
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

}  // namespace sightline
