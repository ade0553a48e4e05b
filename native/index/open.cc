// Making and opening an index, and what an opener does with a folder that a crash left.
#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "index/file_names.h"
#include "index/index.h"
#include "index/live_copy.h"
#include "index/recover.h"
#include "platform/entropy.h"
#include "platform/file.h"

namespace sightline {
namespace {

// A reader that meets a compaction's renames looks again; each is over in milliseconds.
constexpr int kOpenAttempts = 100;

// The most bytes the rows of one index may have; a process has 2^47 bytes of address space.
constexpr uint64_t kRowSpace = uint64_t{1} << 38;

}  // namespace

Index::Index(const IndexParameters& parameters, const std::string& path, bool read_only,
             Storage storage)
    : parameters_(parameters),
      path_(path),
      read_only_(read_only),
      storage_(storage),
      rows_(parameters.dim, parameters.rows_per_extent()),
      row_codes_(storage, parameters_, &rows_, &readers_, &scratches_),
      inline_codes_(parameters_, &rows_, &readers_, &scratches_) {}

Index::~Index() { Close(); }

Status Index::Reserve() {
  SL_RETURN_IF_ERROR(ChooseKernels(&kernels_));
  max_rows_ = std::min(kMaxRows, kRowSpace / parameters_.row_bytes());
  row_codes_.Use(kernels_);
  if (storage_ == Storage::kInline) SL_RETURN_IF_ERROR(inline_codes_.Reserve(kernels_, max_rows_));
  SL_RETURN_IF_ERROR(payloads_.Reserve(max_rows_, &readers_));
  return keys_.Reserve(max_rows_, &readers_);
}

Status Index::Create(const std::string& path, const IndexParameters& parameters,
                     std::shared_ptr<Index>* out, Storage storage) {
  SL_RETURN_IF_ERROR(CheckParameters(parameters));
  Folder folder;
  if (!path.empty()) {
    SL_RETURN_IF_ERROR(MakeFolders(path));
    SL_RETURN_IF_ERROR(Folder::Open(path, &folder));
  }
  return CreateIn(std::move(folder), parameters, storage, out);
}

// In a folder that is there, or in memory where it has no path.
Status Index::CreateIn(Folder folder, const IndexParameters& parameters, Storage storage,
                       std::shared_ptr<Index>* out) {
  const std::string path = folder.path();
  std::shared_ptr<Index> index(new Index(parameters, path, false, storage));
  index->folder_ = std::move(folder);
  SL_RETURN_IF_ERROR(index->Reserve());
  // Before the files: what fails for want of memory leaves none.
  SL_RETURN_IF_ERROR(index->NewGraph(&index->graph_, &index->inserter_));
  if (path.empty()) {
    SL_RETURN_IF_ERROR(index->rows_.OpenMemory(index->max_rows_, &index->readers_));
  } else {
    SL_RETURN_IF_ERROR(FileLock::Acquire(index->In(kLockName), &index->lock_));
    const auto exists = [&](const char* name) {
      return Status(StatusCode::kFileExists, path + " holds an index already (" + name + ")");
    };
    bool there = false;
    SL_RETURN_IF_ERROR(PathExists(index->In(kLogName), &there));
    if (there) return exists(kLogName);
    // Rows first: a crash in between leaves an empty row file, which is nobody's data.
    SL_RETURN_IF_ERROR(index->rows_.OpenFile(index->In(kRowsName), OpenMode::kOpenCreate,
                                             index->max_rows_, &index->readers_));
    uint64_t bytes = 0;
    SL_RETURN_IF_ERROR(index->rows_.FileBytes(&bytes));
    if (bytes != 0) return exists(kRowsName);
    // Its name is durable before the log's: a log without rows could be neither opened nor made
    // again.
    SL_RETURN_IF_ERROR(SyncFolder(index->In(kRowsName).Above()));
    Uuid uuid;
    SL_RETURN_IF_ERROR(RandomBytes(uuid.data(), uuid.size()));
    SL_RETURN_IF_ERROR(CommitLog::Create(index->In(kLogName), parameters, uuid, &index->log_));
  }
  index->inline_codes_.Watch(index->graph_.get());
  if (!path.empty()) index->lock_.Claim();
  *out = std::move(index);
  return Status::Ok();
}

Status Index::Open(const OpenOptions& options, std::shared_ptr<Index>* out) {
  const std::string& path = options.path;
  for (int attempt = 1;; ++attempt) {
    Folder folder;
    FileLock lock;
    bool there = false;
    SL_RETURN_IF_ERROR(PathExists(path, &there));
    if (there) SL_RETURN_IF_ERROR(Folder::Open(path, &folder));
    if (there) SL_RETURN_IF_ERROR(PathExists(folder.At(kLogName), &there));
    if (!there) return Status(StatusCode::kFileMissing, path + " holds no index");
    if (!options.read_only) SL_RETURN_IF_ERROR(FileLock::Acquire(folder.At(kLockName), &lock));
    const Status opened = OpenLocked(options, std::move(folder), std::move(lock), out);
    if (opened.code() != StatusCode::kBusy || attempt == kOpenAttempts) return opened;
  }
}

// The rows under the name they have now. A compaction gives them a number first, replaces the log,
// which says the number, and then renames them.
Status Index::OpenRows() {
  const uint32_t number = parameters_.compactions;
  bool there = false;
  const FileLocation on_the_way = folder_.At(RowsOnTheWay(number));
  if (number > 0) SL_RETURN_IF_ERROR(PathExists(on_the_way, &there));
  if (there) there = AreOursOnTheWay();
  if (read_only_) {
    if (there) {
      const Status opened = rows_.OpenFile(on_the_way, OpenMode::kRead, max_rows_, &readers_);
      if (opened.code() != StatusCode::kFileMissing) return opened;
    }
    return rows_.OpenFile(In(kRowsName), OpenMode::kRead, max_rows_, &readers_);
  }
  // What a crash left of a compaction: finish it, or sweep it away if it was never committed.
  if (there) SL_RETURN_IF_ERROR(RenameDurable(on_the_way, In(kRowsName)));
  // And what it left of a snapshot. Something else of such a name, which cannot be removed like
  // this, is not in the way of opening.
  (void)RemoveFile(folder_.At(RowsOnTheWay(number + 1)));
  (void)RemoveFolder(In(kCompactName));
  (void)RemoveFile(In(kGraphName).With(".tmp"));
  (void)RemoveFile(In(kLogName).With(".tmp"));
  (void)RemoveFile(In("tuning.json.tmp"));
  return rows_.OpenFile(In(kRowsName), OpenMode::kReadWrite, max_rows_, &readers_);
}

// The lock is held unless options.read_only. kBusy: the log was replaced meanwhile, try again.
Status Index::OpenLocked(const OpenOptions& options, Folder folder, FileLock lock,
                         std::shared_ptr<Index>* out) {
  const std::string& path = options.path;
  const bool writable = !options.read_only;
  CommitLog log;
  // The graph before the log: a writer beside us may save between the two, and a snapshot that is
  // newer than the log we have read would look like a log that lost its end.
  auto graph_file = std::make_unique<GraphFile>();
  const Status graph_opened = GraphFile::Open(folder.At(kGraphName), graph_file.get());
  FileStamp snapshot;
  SL_RETURN_IF_ERROR(StampOf(folder.At(kGraphName), &snapshot));
  SL_RETURN_IF_ERROR(CommitLog::Open(folder.At(kLogName), writable, &log));
  if (writable && log.read_only_features()) {
    return Status(StatusCode::kFileVersion,
                  path + " was written by a newer version and can only be opened read-only");
  }
  std::shared_ptr<Index> index(
      new Index(log.parameters(), path, options.read_only, options.storage));
  index->folder_ = std::move(folder);
  index->lock_ = std::move(lock);
  index->snapshot_ = snapshot;
  index->log_ = std::move(log);
  index->graph_file_ = std::move(graph_file);
  SL_RETURN_IF_ERROR(index->Reserve());
  const Status rows_opened = index->OpenRows();
  Named log_named = Named::kThis;
  SL_RETURN_IF_ERROR(index->log_.WhatNameNames(&log_named));
  if (log_named != Named::kThis)
    return Status(StatusCode::kBusy, path + " is being compacted again and again");
  SL_RETURN_IF_ERROR(rows_opened);
  bool usable = graph_opened.ok();
  if (!usable && graph_opened.code() != StatusCode::kFileMissing) {
    index->graph_problem_ = graph_opened.message();
  }
  const bool copy = writable ? !index->lock_.own() : !FileLock::IsOwn(index->In(kLockName));
  SL_RETURN_IF_ERROR(
      index->Replay(usable ? &index->graph_file_->header() : nullptr, copy, &usable));
  if (writable && index->owns_) {
    index->lock_.Claim();
    SL_RETURN_IF_ERROR(index->log_.TrimTail());
    SL_RETURN_IF_ERROR(index->rows_.TrimFile(index->committed_once_));
  }
  index->row_codes_.Opened(index->count());
  SL_RETURN_IF_ERROR(index->LoadGraph(usable, options.threads));
  *out = std::move(index);
  return Status::Ok();
}

Status Index::AppendRead(const LogRecord& record) {
  SL_RETURN_IF_ERROR(rows_.Adopt(record.keys.size(), record.crcs));
  SL_RETURN_IF_ERROR(payloads_.Prepare(record.rows_after, record.payloads));
  payloads_.Append(record.first_row, record.payloads);
  return keys_.Append(record.keys.data(), record.keys.size());
}

Status Index::Apply(const LogRecord& record) {
  const auto wrong = [&](const char* what) {
    return Status(StatusCode::kFileCorrupt,
                  FileIn(kLogName) + ": record " + std::to_string(record.sequence) + " " + what);
  };
  const uint64_t before = keys_.rows();
  if (!record.payloads.empty() && !log_.parameters().payloads) {
    return wrong("has payloads, which the header does not announce");
  }
  switch (record.type) {
    case RecordType::kAppend:
      if (record.first_row != before || record.rows_after != before + record.keys.size()) {
        return wrong("does not append behind the last row");
      }
      return AppendRead(record);
    case RecordType::kReplace: {
      if (record.first_row != before || record.rows_after != before + record.keys.size()) {
        return wrong("does not append behind the last row");
      }
      std::vector<uint32_t> replaced;
      for (size_t i = 0; i < record.rows.size(); ++i) {
        const uint32_t row = record.rows[i];
        if (row == kNoRow) continue;
        if (row >= before || keys_.key_of(row) != record.keys[i]) {
          return wrong("replaces a row of another key");
        }
        replaced.push_back(row);
      }
      SL_RETURN_IF_ERROR(keys_.Remove(replaced));
      return AppendRead(record);
    }
    case RecordType::kRemove:
      if (record.rows_after != before) return wrong("removes, but changes the number of rows");
      return keys_.Remove(record.rows);
    case RecordType::kRollback:
      if (record.first_row > before || record.rows_after != record.first_row) {
        return wrong("rolls back to rows that are not there");
      }
      keys_.Truncate(record.first_row);
      payloads_.Truncate(record.first_row);
      rows_.Truncate(record.first_row, record.crcs);
      return Status::Ok();
    case RecordType::kPayloads:
      if (record.rows_after != before) return wrong("changes the number of rows");
      for (const uint32_t row : record.rows) {
        if (row >= before) return wrong("has a payload for a row that is not there");
      }
      SL_RETURN_IF_ERROR(payloads_.Prepare(before, record.payloads));
      payloads_.Set(record.rows, record.payloads);
      return Status::Ok();
  }
  return wrong("has an unknown type");
}

// Brings rows and keys to the log's end, or as far as a copy of it is whole.
// bound  set to whether the snapshot belongs to this log and no row of it was dropped since.
Status Index::Replay(const GraphHeader* snapshot, bool copy, bool* bound) {
  const bool ours = snapshot != nullptr && snapshot->uuid == log_.uuid() &&
                    snapshot->m == parameters_.m && snapshot->seed == parameters_.seed;
  WholeLog whole;
  if (copy) SL_RETURN_IF_ERROR(FindWhole(&log_, rows_, FileIn(kRowsName), &whole));
  PartOfFold part(parameters_, &rows_, &keys_, &payloads_);
  // Fewest rows since the snapshot was written.
  uint64_t fewest = 0;
  bool found = ours && snapshot->sequence == 0 && snapshot->chain == log_.chain();
  const Status replayed = log_.ReadNew(
      [&](const LogRecord& record) {
        if (record.sequence > whole.last) {
          if (whole.EndsWithin(record)) SL_RETURN_IF_ERROR(part.Apply(record, whole));
          committed_once_ = std::max(committed_once_, keys_.rows());
          return Status::Ok();
        }
        SL_RETURN_IF_ERROR(Apply(record));
        committed_once_ = std::max(committed_once_, record.rows_after);
        if (ours && record.sequence == snapshot->sequence) {
          found = record.crc == snapshot->chain;
          fewest = record.rows_after;
        } else if (found) {
          fewest = std::min(fewest, record.rows_after);
        }
        return Status::Ok();
      },
      whole.last, copy);
  SL_RETURN_IF_ERROR(replayed);
  SL_RETURN_IF_ERROR(rows_.CheckSize());
  *bound = found && snapshot->nodes <= fewest;
  const std::string ends = FileIn(kLogName) + " ends at record " + std::to_string(log_.sequence());
  if (log_.left_records()) {
    owns_ = false;
    recovered_ = path_ + " was copied while it was written to and opened as it was after record " +
                 std::to_string(log_.sequence()) +
                 " of its log: " + std::to_string(whole.left_rows) +
                 " later rows are not in the copy";
  } else if (ours && snapshot->sequence > log_.sequence()) {
    const std::string saved =
        std::string(kGraphName) + " was saved after record " + std::to_string(snapshot->sequence);
    if (!copy) {
      return Status(StatusCode::kFileCorrupt,
                    ends + " but " + saved + ": commits were lost. To go on without them, delete " +
                        kGraphName + ". If this folder is a copy, delete LOCK in it: it then " +
                        "opens with what is whole");
    }
    owns_ = false;
    recovered_ = path_ + " was copied while it was written to: " + ends + ", " + saved +
                 "; later commits are not in the copy";
  }
  if (snapshot != nullptr && !*bound) {
    graph_problem_ = !ours   ? "the snapshot belongs to another index"
                     : owns_ ? "the snapshot is older than a rollback, or of another history"
                             : "the snapshot is newer than the rest of the copy";
  }
  return Status::Ok();
}

// Takes the snapshot over if it is usable and sound, and links what it lacks.
Status Index::LoadGraph(bool usable, size_t threads) {
  const uint64_t rows = keys_.rows();
  SL_RETURN_IF_ERROR(NewGraph(&graph_, &inserter_));
  if (usable) {
    GraphFile& file = *graph_file_;
    Status loaded = file.Map(&graph_->base_range(), &graph_->upper_range());
    if (loaded.ok()) loaded = graph_->Adopt(file.header(), file.guard());
    // Whoever changes the graph checks all of it first (144 bytes a row at several GB/s) and builds
    // it again if it is damaged. A reader of a complete snapshot checks what it touches.
    const bool changes = !read_only_ || file.header().nodes < rows;
    if (loaded.ok() && changes) {
      loaded = file.CheckAll();
      graph_->TrustAll();
      if (loaded.ok() && !LinksFit(*graph_)) {
        loaded = Status(StatusCode::kFileCorrupt,
                        file.path() + " has links to nodes that are not there");
      }
    }
    if (!loaded.ok()) {
      graph_problem_ = loaded.message();
      SL_RETURN_IF_ERROR(NewGraph(&graph_, &inserter_));
    }
  }
  SL_RETURN_IF_ERROR(inline_codes_.Mark(rows, graph_.get()));
  linked_ = tidied_ = graph_->size();
  if (linked_ == rows) {
    read_only_ ? unlinked_.Guess(*graph_, keys_) : unlinked_.Find(*graph_, keys_);
    return Status::Ok();
  }
  const LiveCopy now(keys_, rows);
  Status linked = Link(graph_.get(), inserter_.get(), rows, now, threads);
  row_codes_.DropLinking();
  if (linked.ok()) {
    unsaved_ = true;
    linked_ = rows;
    unlinked_.Find(*graph_, keys_);
    linked = Tidy(false, threads, now.kept());
  }
  return linked.code() == StatusCode::kFileCorrupt ? GoWithoutGraph(linked) : linked;
}

// Rows are damaged that a graph cannot do without. What is whole can still be read, damaged rows be
// removed, and a compaction leaves them behind; until then searches scan, and refuse where they
// meet one. Nothing of it is saved.
Status Index::GoWithoutGraph(const Status& why) {
  SL_RETURN_IF_ERROR(CheckCut());
  SL_RETURN_IF_ERROR(NewGraph(&graph_, &inserter_));
  inline_codes_.Watch(graph_.get());
  linked_ = tidied_ = 0;
  unsaved_ = false;
  unlinked_.Forget(0);
  unlinkable_ = why;
  graph_problem_ = why.message() + "; searches scan until a compaction";
  graph_damaged_ = true;
  return Status::Ok();
}

}  // namespace sightline
