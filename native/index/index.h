// One vector index: rows, keys, removals and graph, in a folder or in memory.
//
// Composes storage, graph and exact scan; owns concurrency and the life cycle. What the addon and
// the C++ tests use. Distances here are those of the facade: cosine 1 - dot, euclidean the root,
// dot -dot.
//
// Threads  everything may be called by any thread at any time. Writers (Add, Remove, Rollback,
//          Save, Verify) wait for each other; readers never wait, but for the moment in which
//          Rollback takes rows away. Close refuses new calls and waits for those under way.
#ifndef SIGHTLINE_INDEX_INDEX_H_
#define SIGHTLINE_INDEX_INDEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/epoch.h"
#include "core/live_rows.h"
#include "core/status.h"
#include "format/log_format.h"
#include "hnsw/hnsw.h"
#include "index/gate.h"
#include "index/inline_coding.h"
#include "index/key_table.h"
#include "index/lost_rows.h"
#include "index/options.h"
#include "index/payload_table.h"
#include "index/row_coding.h"
#include "index/unlinked_rows.h"
#include "platform/folder.h"
#include "platform/lock.h"
#include "storage/commit_log.h"
#include "storage/graph_file.h"
#include "storage/row_store.h"

namespace sightline {

class LiveCopy;

class Index {
 public:
  // path empty: in memory. kFileExists if the folder holds an index; kFileLocked.
  static Status Create(const std::string& path, const IndexParameters& parameters,
                       std::shared_ptr<Index>* out, Storage storage = Storage::kFloat32);
  // Links the rows the snapshot lacks, or builds the graph again, before it returns.
  static Status Open(const OpenOptions& options, std::shared_ptr<Index>* out);
  ~Index();

  const IndexParameters& parameters() const { return parameters_; }
  bool read_only() const { return read_only_; }
  Storage storage() const { return storage_; }
  // What was left out of a copy whose files are of different moments; empty if nothing was.
  const std::string& recovered() const { return recovered_; }
  bool closed() const { return gate_.closed(); }
  uint64_t count() const { return keys_.rows(); }
  uint64_t live_count() const { return keys_.live(); }
  // Changes with each row that comes or goes, and with each key that gets another row.
  uint64_t changes() const { return keys_.changes(); }

  // Whether these rows could be added; changes nothing. Rows are numbered from `offset` in
  // messages.
  Status Check(const float* vectors, size_t rows, const std::vector<int64_t>& keys,
               uint64_t offset) const;
  // Appends rows, durably, then links them. All or nothing.
  // vectors  rows * dim floats; changed (cosine: normalised).
  // keys     one per row, or empty for the row numbers.
  // more     another part of the same rows follows: what is done for the graph as a whole waits
  //          for the last one, or for a later write or Save if that never comes.
  // payloads one per row, or none.
  Status Add(std::vector<float>* vectors, const std::vector<int64_t>& keys, size_t threads,
             AddResult* result, bool more = false, Payloads payloads = {});
  // The same for keys that have a row: one commit brings the new rows and removes the old ones, and
  // every search sees either all of the old or all of the new. kNotFound for a key without a row,
  // unless `insert_missing`.
  Status Update(std::vector<float>* vectors, const std::vector<int64_t>& keys, bool insert_missing,
                size_t threads, AddResult* result, bool more = false, Payloads payloads = {});
  // Replaces the payloads of the keys' live rows, durably. kNotFound, kKeyExists.
  Status SetPayloads(const std::vector<int64_t>& keys, Payloads payloads);
  // How many of the keys named a live row; these are removed, durably.
  Status Remove(const std::vector<int64_t>& keys, uint64_t* removed);
  // Drops the rows from `rows` on, durably.
  Status Rollback(uint64_t rows, size_t threads);
  // Writes the graph snapshot, and the log anew where small commits made it long. Nothing to do in
  // memory.
  // closing   the log only if it is as long as a write would not leave it; where nothing is due it
  //           does not matter whether the folder is still there.
  // Returns   kFileMissing or kFileReplaced if files of ours are gone from the folder, or its path
  //           leads to another folder by now; the snapshot went to the folder that was opened then.
  Status Save(bool closing = false);
  // Writes log, rows and snapshot as they are now into another folder, durably: a copy that opens.
  // Writers wait meanwhile, searches go on. Also when our own folder is another one by now, or
  // gone. kFileExists if there is such a file; kFileCorrupt if rows are damaged. Folders only.
  Status CopyInto(const std::string& folder);
  // Replaces a small file in the folder, like tuning.json. Folders only.
  Status WriteNote(const std::string& name, const void* data, size_t size);
  // Writes the log in as few records as its content takes, and the snapshot, as writes and Save do
  // when it is due.
  Status Fold();

  // How many nodes have no codes of the storage's kind, and making some of them, inline codes from
  // node `first` on; `*next` is where to go on, the number of nodes when all is done. Searches use
  // inline codes at once, row codes when all are there. Writes wait meanwhile, searches do not. An
  // index that was opened has none until then.
  uint64_t uncoded() const;
  Status Code(uint64_t first, size_t threads, uint64_t* next);

  // Removed rows stay nodes of the graph, which walks pass through, until enough have gathered:
  // then it is due to take them out. From node `first` on, the first time 0; `*next` is where to go
  // on, the number of nodes when all is done. Searches go on, writes wait meanwhile and come
  // between calls. Row numbers stay.
  bool UnlinkIsDue() const;
  Status Unlink(uint64_t first, size_t threads, uint64_t* next);
  // Removed rows that are nodes of the graph still.
  uint64_t removed_in_graph() const;

  // Copies the next part of the mapped rows and links into memory of ours, in huge pages, where
  // random reads are faster; searches go on, writes wait. `*more`: whether to call again.
  // kNoMemory. Does nothing for an index in memory.
  Status Promote(bool* more);

  // An append in parts is over, or given up: what was kept from one part to the next goes.
  void Settle();

  // Compaction, in steps so that the caller can report and stop between them; searches go on, other
  // writers must not: CreateBeside, CopyLive until *next is count(), then Adopt or Abandon.
  // An empty index with the same parameters, in memory or in a folder inside ours.
  Status CreateBeside(std::shared_ptr<Index>* out);
  // Adds the next few thousand live rows from `first` on to `fresh`, with their keys.
  Status CopyLive(uint64_t first, size_t threads, Index* fresh, uint64_t* next) const;
  // Puts the files of `fresh` in the place of ours, atomically, and opens them. This index can be
  // searched until it is closed, but not written to any more. Folders only.
  Status Adopt(Index* fresh, std::shared_ptr<Index>* out);
  Status Abandon(Index* fresh) const;

  // Writes up to k rows, distances and keys, best first, and how many. Any query of dim floats.
  Status Search(const float* query, const SearchOptions& options, uint32_t* rows, float* distances,
                double* keys, size_t* found) const;
  // n queries one after another, results k apart; unused places are kNoRow, infinity and 0. Keys
  // are those the rows had then: a rollback behind it may give the numbers to others.
  Status SearchBatch(const float* queries, size_t n, const SearchOptions& options, size_t threads,
                     uint32_t* rows, float* distances, int64_t* keys, uint32_t* counts) const;

  // kInvalidRange for a row that is not there. Removed rows can be read.
  Status CopyRows(const uint32_t* rows, size_t n, float* out) const;
  Status CopyKeys(const uint32_t* rows, size_t n, int64_t* out) const;
  // Writes the payloads of the first rows that fit into `room` bytes one after another, and their
  // lengths. `*done`: how many rows that are; at least one where `room` is kMaxPayloadBytes.
  Status CopyPayloads(const uint32_t* rows, size_t n, unsigned char* out, size_t room,
                      uint32_t* lengths, size_t* done) const;
  // kNoRow for keys without a live row.
  Status RowsOf(const int64_t* keys, size_t n, uint32_t* out) const;

  Status Stats(IndexStats* out) const;
  // Reads every byte and walks every link; one line per finding.
  Status Verify(std::vector<std::string>* problems, uint64_t* rows_checked);

  // Memory that is ours alone, in bytes; 0 after close. Rows of a folder are the page cache's.
  uint64_t resident_bytes() const;

  // From now on every call is kClosed.
  void Refuse() { gate_.Close(); }
  // Refuses new calls, waits for those under way, releases files, lock and memory. Idempotent.
  void Close();

 private:
  using Reading = Gate::Shared;

  // open.cc
  Index(const IndexParameters& parameters, const std::string& path, bool read_only,
        Storage storage);
  static Status CreateIn(Folder folder, const IndexParameters& parameters, Storage storage,
                         std::shared_ptr<Index>* out);
  static Status OpenLocked(const OpenOptions& options, Folder folder, FileLock lock,
                           std::shared_ptr<Index>* out);
  Status OpenRows();
  Status Reserve();
  Status Replay(const GraphHeader* snapshot, bool copy, bool* bound);
  Status Apply(const LogRecord& record);
  Status AppendRead(const LogRecord& record);
  Status LoadGraph(bool usable, size_t threads);
  Status GoWithoutGraph(const Status& why);
  // files.cc: whether they are still ours
  Status OwnsFiles() const;
  Status OwnsPath() const;
  Status OwnsSnapshot() const;
  // kFileCorrupt if another program cut rows or graph under us, see RowStore::CheckCut.
  Status CheckCut() const;
  // A file of ours, and what it is called in messages.
  FileLocation In(const char* name) const { return folder_.At(name); }
  std::string FileIn(const char* name) const { return path_ + "/" + name; }
  bool AreOursOnTheWay() const;  // compact.cc
  // write.cc
  struct Writing {
    std::unique_lock<std::mutex> alone;
    Reading reading;
  };
  Status Begin(Writing* writing) const;
  Status BeginWrite(Writing* writing);  // also of files
  Status MayWrite() const;
  Status MayStore() const;  // the same, wherever the path leads
  Status Store(const float* vectors, uint64_t rows, LogRecord* record);
  Status Commit(LogRecord* record);
  Status Append(std::vector<float>* vectors, LogRecord* record, size_t threads, bool more,
                AddResult* result);
  Status TidyIfThereIsRoom(bool now, size_t threads, const LiveRows& kept);
  void Release();
  // link.cc
  Status NewGraph(std::unique_ptr<Graph>* graph, std::unique_ptr<Inserter>* inserter) const;
  Status Link(Graph* graph, Inserter* inserter, uint64_t rows, const LiveCopy& now, size_t threads);
  // Reconnects the graph if enough rows came since the last time; `now`: if any came.
  Status Tidy(bool now, size_t threads, const LiveRows& kept);
  Status FinishUnlink(size_t threads, const LiveRows& kept);  // unlink.cc
  // save.cc
  Status WriteSnapshot(const CommitLog& log);  // bound to the end of `log`
  Status WriteSnapshotTo(const FileLocation& location, const CommitLog& log,
                         FileStamp* written) const;
  // fold.cc
  bool FoldIsDue(bool writing) const;
  void FoldIfDue(bool writing);
  std::vector<LogRecord> Folded(const std::vector<ExtentRun>& runs) const;
  Status FoldLog(bool anyway, bool payloads = false);
  // Before the first payload: the log says that it has some, which an older version refuses.
  Status AllowPayloads(const Payloads& payloads);
  Status TakeFolded(const FileLocation& beside, const CommitLog& fresh,
                    const std::vector<ExtentRun>& runs);
  Status Own();
  class Query;  // search.cc
  Status Enter(Reading* lock) const { return gate_.Enter(lock); }
  Space MakeSpace() const;
  uint64_t Resident() const;  // verify.cc

  const IndexParameters parameters_;
  const std::string path_;  // empty: in memory
  const bool read_only_;
  const Storage storage_;
  const KernelTable* kernels_ = nullptr;
  uint64_t max_rows_ = 0;
  std::string graph_problem_;  // set before the index is handed out
  std::string recovered_;      // the same

  mutable Gate gate_;
  // Who reads rows, links, keys or codes right now: waited for before these move to a larger place,
  // or codes are rewritten. Never by a writer, who would wait for itself.
  mutable Epoch readers_;
  mutable ScratchPool scratches_;

  Folder folder_;  // before what is opened in it
  FileLock lock_;
  mutable RowStore rows_;
  KeyTable keys_;
  PayloadTable payloads_;
  std::unique_ptr<GraphFile> graph_file_;  // outlives graph_, which may ask it to check blocks
  std::unique_ptr<Graph> graph_;
  std::unique_ptr<Inserter> inserter_;
  std::atomic<uint64_t> linked_{0};  // rows the graph holds
  mutable std::atomic<bool> graph_damaged_{false};
  std::atomic<bool> unsaved_{false};  // the graph differs from its snapshot
  RowCoding row_codes_;
  InlineCoding inline_codes_;
  UnlinkedRows unlinked_;

  mutable std::mutex writer_;  // one writer; taken before gate_. What follows is the writer's.
  Status broken_;              // why nothing more is written
  Status unlinkable_;          // why no graph could be made when it was opened
  CommitLog log_;
  bool owns_ = true;    // false: the log on disk says more than there is
  FileStamp snapshot_;  // hnsw_index.bin as it was read or written last
  // The most rows any commit ever covered: another process may still map those.
  uint64_t committed_once_ = 0;
  uint64_t folded_bytes_ = 0;  // of the log when it was folded last
  uint64_t tidied_ = 0;        // rows there were when the graph was last reconnected
  LostRows lost_rows_;
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_INDEX_H_
