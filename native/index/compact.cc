// Compaction: the live rows in new files, without those that were removed or replaced.
//
//   compact.tmp/        an ordinary index, filled beside the one in use
//   embeddings.dat.<n>  1. its rows, n = compactions of the new log
//   embeddings.idx      2. its log in the place of ours: from here on the new files count
//   hnsw_index.bin      3. its graph; a graph of the old log is told by its uuid and built again
//   embeddings.dat      4. the rows under their own name
//
// A crash before 2 leaves the old index, after it the new one; the next writer to open finishes or
// sweeps up (open.cc). Readers keep the files they have open, by the kernel's count of them.
#include <algorithm>
#include <utility>

#include "index/file_names.h"
#include "index/index.h"
#include "platform/file.h"

namespace sightline {
namespace {

// Rows copied in one step: 4096, or 32 MB of them where rows are long.
constexpr uint64_t kStepRows = 4096;
constexpr uint64_t kStepFloats = 8 * 1024 * 1024;

// Whether the file `name` holds, checksum for checksum, the rows that the log in its folder counts.
// Reads all of it.
bool HoldsRowsOfLog(const Folder& folder, const std::string& name, uint64_t max_rows) {
  CommitLog log;
  if (!CommitLog::Open(folder.At(kLogName), false, &log).ok()) return false;
  RowStore rows(log.parameters().dim, log.parameters().rows_per_extent());
  Status status = rows.OpenFile(folder.At(name), OpenMode::kRead, max_rows);
  if (status.ok()) {
    status = log.ReadNew([&](const LogRecord& record) {
      if (record.type == RecordType::kRollback) rows.Truncate(record.rows_after, record.crcs);
      return record.keys.empty() ? Status::Ok() : rows.Adopt(record.keys.size(), record.crcs);
    });
  }
  if (status.ok()) status = rows.CheckSize();
  std::vector<std::string> problems;
  if (status.ok()) rows.Recheck(&problems);
  return status.ok() && problems.empty();
}

}  // namespace

Status Index::CreateBeside(std::shared_ptr<Index>* out) {
  {
    Writing writing;
    SL_RETURN_IF_ERROR(BeginWrite(&writing));
  }
  IndexParameters parameters = parameters_;
  if (path_.empty()) return Create("", parameters, out, storage_);
  if (parameters.compactions == UINT32_MAX) {
    return Status(StatusCode::kInvalidRange, path_ + " was compacted 2^32 - 1 times");
  }
  ++parameters.compactions;
  parameters.payloads = log_.parameters().payloads;
  SL_RETURN_IF_ERROR(RemoveFolder(In(kCompactName)));
  SL_RETURN_IF_ERROR(MakeFolder(In(kCompactName)));
  Folder beside;
  SL_RETURN_IF_ERROR(Folder::Open(In(kCompactName), &beside));
  return CreateIn(std::move(beside), parameters, storage_, out);
}

Status Index::CopyLive(uint64_t first, size_t threads, Index* fresh, uint64_t* next) const {
  const uint64_t most =
      std::max<uint64_t>(1, std::min<uint64_t>(kStepRows, kStepFloats / parameters_.dim));
  std::vector<uint32_t> rows;
  bool more = false;
  {
    Reading reading;
    SL_RETURN_IF_ERROR(Enter(&reading));
    const Epoch::Guard counted(&readers_);
    const uint64_t end = keys_.rows();
    for (; first < end && rows.size() < most; ++first) {
      if (keys_.alive(first)) rows.push_back(static_cast<uint32_t>(first));
    }
    while (first < end && !keys_.alive(first)) ++first;
    more = first < end;
  }
  *next = first;
  if (rows.empty()) return Status::Ok();
  std::vector<float> vectors(rows.size() * parameters_.dim);
  std::vector<int64_t> keys(rows.size());
  // Checks the rows first, so that damage is not copied under a new checksum.
  SL_RETURN_IF_ERROR(CopyRows(rows.data(), rows.size(), vectors.data()));
  SL_RETURN_IF_ERROR(CopyKeys(rows.data(), rows.size(), keys.data()));
  Payloads payloads;
  {
    Reading reading;
    SL_RETURN_IF_ERROR(Enter(&reading));
    const Epoch::Guard counted(&readers_);
    payloads = payloads_.Copy(rows);
  }
  AddResult ignored;
  return fresh->Add(&vectors, keys, threads, &ignored, more, std::move(payloads));
}

Status Index::Adopt(Index* fresh, std::shared_ptr<Index>* out) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  SL_RETURN_IF_ERROR(MayWrite());
  if (path_.empty() || fresh->path_ != FileIn(kCompactName)) {
    return Status(StatusCode::kInvalidType, "that index was not made to replace this one");
  }
  if (fresh->count() != live_count() || fresh->live_count() != live_count()) {
    return Status(StatusCode::kBusy, path_ + " changed while it was compacted");
  }
  SL_RETURN_IF_ERROR(fresh->Save());
  // Of the same rows in the same order.
  RowCoding::Measured codes = fresh->row_codes_.Give();
  Folder folder;
  SL_RETURN_IF_ERROR(folder_.Duplicate(&folder));
  const Folder from = std::move(fresh->folder_);
  fresh->Close();
  const FileLocation rows = folder_.At(RowsOnTheWay(parameters_.compactions + 1));
  SL_RETURN_IF_ERROR(RenameDurable(from.At(kRowsName), rows));
  const Status replaced = RenameDurable(from.At(kLogName), In(kLogName));
  // Even if only making it durable failed, the log we have open may be nobody's by now.
  broken_ = replaced.ok() ? Status(StatusCode::kClosed, path_ + " was compacted") : replaced;
  SL_RETURN_IF_ERROR(replaced);
  // Committed. Should one of these two fail, opening mends it.
  (void)RenameDurable(from.At(kGraphName), In(kGraphName));
  (void)RenameDurable(rows, In(kRowsName));
  OpenOptions options;
  options.path = path_;
  options.storage = storage_;
  SL_RETURN_IF_ERROR(OpenLocked(options, std::move(folder), std::move(lock_), out));
  (*out)->row_codes_.Take(std::move(codes), (*out)->count());
  return Status::Ok();
}

// There is a file with the name that our rows have on their way. After a crash in a compaction it
// is the one that counts, and what is called embeddings.dat belongs to the old log. But a name is
// no proof: somebody may have kept a copy under it, and to put that in the place of good rows would
// lose them.
bool Index::AreOursOnTheWay() const {
  return !HoldsRowsOfLog(folder_, kRowsName, max_rows_) ||
         HoldsRowsOfLog(folder_, RowsOnTheWay(parameters_.compactions), max_rows_);
}

Status Index::Abandon(Index* fresh) const {
  fresh->Close();
  if (path_.empty() || fresh->path_ != FileIn(kCompactName)) return Status::Ok();
  return RemoveFolder(In(kCompactName));
}

}  // namespace sightline
