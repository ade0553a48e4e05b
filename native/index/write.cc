// What changes an index: append, remove, roll back, close.
#include <algorithm>
#include <utility>

#include "core/yield_point.h"
#include "index/caught.h"
#include "index/file_names.h"
#include "index/index.h"
#include "index/live_copy.h"
#include "index/vectors.h"

namespace sightline {
namespace {

// Without memory in the middle of what cannot be undone, nothing more is written.
class MustEnd {
 public:
  explicit MustEnd(Status* broken) : broken_(broken) {}
  ~MustEnd() {
    if (!ended_ && broken_->ok()) *broken_ = Status(StatusCode::kNoMemory, "no memory");
  }
  MustEnd(const MustEnd&) = delete;
  MustEnd& operator=(const MustEnd&) = delete;
  void End() { ended_ = true; }

 private:
  Status* broken_;
  bool ended_ = false;
};

}  // namespace

Status Index::Begin(Writing* writing) const {
  writing->alone = std::unique_lock<std::mutex>(writer_);
  return Enter(&writing->reading);
}

Status Index::BeginWrite(Writing* writing) {
  SL_RETURN_IF_ERROR(Begin(writing));
  SL_RETURN_IF_ERROR(MayWrite());
  return Own();
}

Status Index::MayWrite() const {
  SL_RETURN_IF_ERROR(MayStore());
  SL_RETURN_IF_ERROR(OwnsFiles());
  return OwnsPath();
}

Status Index::MayStore() const {
  if (read_only_) return Status(StatusCode::kReadOnly, "the index was opened read-only");
  if (!broken_.ok()) {
    return Status(
        broken_.code(),
        "nothing is written since an earlier failure (close and open again): " + broken_.message());
  }
  return CheckCut();
}

Status Index::Check(const float* vectors, size_t rows, const std::vector<int64_t>& keys,
                    uint64_t offset) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Epoch::Guard counted(&readers_);
  for (size_t i = 0; i < rows; ++i) {
    const std::string name = "vector " + std::to_string(offset + i);
    SL_RETURN_IF_ERROR(CheckVector(vectors + i * parameters_.dim, parameters_, name.c_str()));
  }
  return keys_.CheckNew(keys.data(), keys.size());
}

// A record that could not be made durable leaves the log's end unknown: nothing may follow it.
// A full disk is usually noticed before anything is written and may be tried again; one that only
// the write or the sync reports is like any other failure.
Status Index::Commit(LogRecord* record) {
  if (path_.empty()) return Status::Ok();
  bool untouched = false;
  const Status done = Caught([&] { return log_.Append(record, &untouched); });
  if (!done.ok() && !untouched) broken_ = done;
  return done;
}

// Rows, then their record, each durable.
Status Index::Store(const float* vectors, uint64_t rows, LogRecord* record) {
  bool untouched = false;
  Status stored = Caught([&] { return rows_.Write(vectors, rows, &record->crcs, &untouched); });
  if (!stored.ok() && !untouched) broken_ = stored;
  if (stored.ok()) stored = Commit(record);
  if (stored.ok()) committed_once_ = std::max(committed_once_, record->rows_after);
  // Space taken for rows that did not come to count is what a full disk needs back. Only while
  // nothing was written of their record: it may be durable although its sync failed.
  if (!stored.ok() && broken_.ok() && !path_.empty()) (void)rows_.TrimFile(committed_once_);
  return stored;
}

Status Index::Add(std::vector<float>* vectors, const std::vector<int64_t>& given, size_t threads,
                  AddResult* result, bool more, Payloads payloads) {
  Writing writing;
  SL_RETURN_IF_ERROR(BeginWrite(&writing));
  const uint64_t rows = vectors->size() / parameters_.dim;
  LogRecord record;
  record.type = RecordType::kAppend;
  record.keys = given;
  record.payloads = std::move(payloads);
  if (given.empty()) {
    for (uint64_t i = 0; i < rows; ++i) {
      record.keys.push_back(static_cast<int64_t>(keys_.rows() + i));
    }
  }
  SL_RETURN_IF_ERROR(keys_.CheckNew(record.keys.data(), record.keys.size()));
  return Append(vectors, &record, threads, more, result);
}

Status Index::Update(std::vector<float>* vectors, const std::vector<int64_t>& keys,
                     bool insert_missing, size_t threads, AddResult* result, bool more,
                     Payloads payloads) {
  Writing writing;
  SL_RETURN_IF_ERROR(BeginWrite(&writing));
  LogRecord record;
  record.type = RecordType::kReplace;
  record.keys = keys;
  record.payloads = std::move(payloads);
  SL_RETURN_IF_ERROR(keys_.FindReplaced(keys.data(), keys.size(), insert_missing, &record.rows));
  return Append(vectors, &record, threads, more, result);
}

// The common part of Add and Update; type, keys and replaced rows of the record are set.
Status Index::Append(std::vector<float>* vectors, LogRecord* record, size_t threads, bool more,
                     AddResult* result) {
  const uint64_t rows = record->keys.size();
  const uint64_t first = keys_.rows();
  *result = AddResult{first, rows};
  if (rows == 0) return Status::Ok();
  // Before they are stored: they could not be linked.
  if (!unlinkable_.ok()) return unlinkable_;
  if (rows > max_rows_ - first) {
    return Status(StatusCode::kNoMemory, "an index holds at most " + std::to_string(max_rows_) +
                                             " rows, removed ones included");
  }
  for (uint64_t i = 0; i < rows; ++i) {
    float* vector = vectors->data() + i * parameters_.dim;
    const std::string name = "vector " + std::to_string(i);
    double length = 0;
    SL_RETURN_IF_ERROR(CheckVector(vector, parameters_, name.c_str(), &length));
    if (parameters_.unit_rows()) Normalise(vector, parameters_.dim, length);
  }

  SL_RETURN_IF_ERROR(AllowPayloads(record->payloads));
  SL_RETURN_IF_ERROR(payloads_.Prepare(first + rows, record->payloads));
  record->first_row = first;
  record->rows_after = first + rows;
  const LiveCopy now(keys_, first, record->rows);
  SL_RETURN_IF_ERROR(Store(vectors->data(), rows, record));
  // Committed: from here on a failure cannot undo it, only stop further writing.
  MustEnd linking(&broken_);
  SL_YIELD_POINT();
  rows_.Publish(rows, record->crcs);
  SL_YIELD_POINT();
  unsaved_ = true;
  // Codes before keys: whoever counts a row, or reaches its node, finds its code.
  row_codes_.Update(first + rows, threads);
  payloads_.Append(first, record->payloads);
  const bool replaces = record->type == RecordType::kReplace;
  Status linked = replaces ? keys_.AppendDead(record->keys.data(), rows)
                           : keys_.Append(record->keys.data(), rows);
  if (linked.ok()) linked = inline_codes_.Mark(first + rows, graph_.get());
  if (linked.ok()) linked = Link(graph_.get(), inserter_.get(), first + rows, now, threads);
  if (linked.ok()) row_codes_.MeasureIfDue(first + rows, *graph_, MakeSpace());
  // After that: only codes that searches walk on are searched on.
  if (linked.ok() && !more) linked = TidyIfThereIsRoom(false, threads, now.kept());
  if (!linked.ok()) {
    broken_ = linked;
    return linked;
  }
  linked_ = first + rows;
  inline_codes_.Count(*graph_);
  // Not before the new rows are linked: until then searches find the old ones.
  if (replaces) keys_.Swap(first, record->rows);
  linking.End();
  FoldIfDue(true);
  return Status::Ok();
}

// Behind a commit. The graph is only better for it: without memory the next time will do.
Status Index::TidyIfThereIsRoom(bool now, size_t threads, const LiveRows& kept) {
  const Status tidied = Caught([&] { return Tidy(now, threads, kept); });
  return tidied.code() == StatusCode::kNoMemory ? Status::Ok() : tidied;
}

void Index::Settle() {
  const std::lock_guard<std::mutex> writing(writer_);
  row_codes_.DropLinking();
}

Status Index::SetPayloads(const std::vector<int64_t>& keys, Payloads payloads) {
  Writing writing;
  SL_RETURN_IF_ERROR(BeginWrite(&writing));
  if (keys.empty()) return Status::Ok();
  LogRecord record;
  record.type = RecordType::kPayloads;
  record.payloads = std::move(payloads);
  record.rows_after = keys_.rows();
  SL_RETURN_IF_ERROR(keys_.FindReplaced(keys.data(), keys.size(), false, &record.rows));
  SL_RETURN_IF_ERROR(AllowPayloads(record.payloads));
  SL_RETURN_IF_ERROR(payloads_.Prepare(keys_.rows(), record.payloads));
  SL_RETURN_IF_ERROR(Commit(&record));
  payloads_.Set(record.rows, record.payloads);
  keys_.CountChange();
  FoldIfDue(true);
  return Status::Ok();
}

Status Index::Remove(const std::vector<int64_t>& keys, uint64_t* removed) {
  Writing writing;
  SL_RETURN_IF_ERROR(BeginWrite(&writing));
  LogRecord record;
  record.type = RecordType::kRemove;
  for (const int64_t key : keys) {
    const uint32_t row = keys_.RowOf(key);
    if (row != kNoRow) record.rows.push_back(row);
  }
  std::sort(record.rows.begin(), record.rows.end());
  record.rows.erase(std::unique(record.rows.begin(), record.rows.end()), record.rows.end());
  *removed = record.rows.size();
  if (record.rows.empty()) return Status::Ok();
  record.rows_after = keys_.rows();
  SL_RETURN_IF_ERROR(Commit(&record));
  MustEnd removing(&broken_);
  SL_RETURN_IF_ERROR(keys_.Remove(record.rows));
  removing.End();
  FoldIfDue(true);
  return Status::Ok();
}

Status Index::Rollback(uint64_t rows, size_t threads) {
  Writing writing;
  SL_RETURN_IF_ERROR(BeginWrite(&writing));
  const uint64_t before = keys_.rows();
  if (rows > before) {
    return Status(StatusCode::kInvalidRange, "cannot roll back to " + std::to_string(rows) +
                                                 " rows, there are " + std::to_string(before));
  }
  if (rows == before) return Status::Ok();
  LogRecord record;
  record.type = RecordType::kRollback;
  record.first_row = rows;
  record.rows_after = rows;
  SL_RETURN_IF_ERROR(rows_.PlanTruncate(rows, &record.crcs));
  // A graph that loses a few nodes is mended by dropping their links; one that loses many is
  // better built again, beside the one that readers use.
  const LiveCopy kept(keys_, rows);
  std::unique_ptr<Graph> graph;
  std::unique_ptr<Inserter> inserter;
  if (before - rows > rows / 10 || !unlinkable_.ok()) {
    SL_RETURN_IF_ERROR(NewGraph(&graph, &inserter));
    SL_RETURN_IF_ERROR(Link(graph.get(), inserter.get(), rows, kept, threads));
  }
  SL_RETURN_IF_ERROR(Commit(&record));
  MustEnd dropping(&broken_);
  writing.reading.unlock();
  // From here on no reader holds a row number that is about to go.
  const Gate::Alone alone = gate_.EnterAlone();
  if (closed()) return Status(StatusCode::kClosed, "the index was closed");
  keys_.Truncate(rows);
  payloads_.Truncate(rows);
  rows_.Truncate(rows, record.crcs);
  inline_codes_.Forget(graph != nullptr ? 0 : rows);
  row_codes_.Truncate(rows);
  if (graph != nullptr) {
    graph_ = std::move(graph);
    inserter_ = std::move(inserter);
    graph_damaged_ = false;
    unlinkable_ = Status::Ok();
    unlinked_.Find(*graph_, keys_);
  } else {
    graph_->Truncate(static_cast<uint32_t>(rows));
    unlinked_.Forget(rows);
    MoveEntry(graph_.get(), kept.kept());
  }
  inline_codes_.Watch(graph_.get());
  linked_ = rows;
  inline_codes_.Count(*graph_);
  unsaved_ = true;
  tidied_ = 0;
  lost_rows_ = LostRows();
  dropping.End();
  const Status tidied = TidyIfThereIsRoom(true, threads, kept.kept());
  return tidied.ok() ? CheckCut() : tidied;
}

void Index::Close() {
  gate_.Close();
  const Gate::Alone alone = gate_.EnterAlone();
  Release();
}

// Memory and descriptors go now, not when the last handle is collected.
void Index::Release() {
  inserter_.reset();
  graph_.reset();
  inline_codes_.Release();
  graph_file_.reset();
  row_codes_.Release();
  log_ = CommitLog();
  rows_.Close();
  keys_.Close();
  payloads_.Close();
  lock_.Release();
  folder_ = Folder();
}

}  // namespace sightline
