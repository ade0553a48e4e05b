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
#include <limits>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "codes/inline_rows.h"
#include "codes/row_codes.h"
#include "core/grace.h"
#include "core/live_rows.h"
#include "core/status.h"
#include "format/limits.h"
#include "format/log_format.h"
#include "hnsw/hnsw.h"
#include "index/key_table.h"
#include "platform/folder.h"
#include "platform/lock.h"
#include "storage/commit_log.h"
#include "storage/graph_file.h"
#include "storage/row_store.h"

namespace sightline {

class LiveCopy;

// What the graph is walked on. Float32 rows stay the truth in every mode and decide the order of
// what is returned. Not part of the files: each opener chooses (the facade keeps the choice in
// tuning.json, where the numbers do not appear).
enum class Storage : uint32_t {
  kFloat32 = 0,
  kFloat16 = 1,  // halves of the rows
  kInt8 = 2,     // 8-bit codes of the rows
  kInt4 = 3,     // 4-bit codes of the rows
  kInline = 4,   // 1-bit codes of a node's neighbors beside its links
};
inline constexpr uint32_t kLastStorage = 4;

struct OpenOptions {
  std::string path;
  bool read_only = false;
  size_t threads = 0;  // for linking rows the snapshot lacks, and for codes; 0: one per core
  Storage storage = Storage::kFloat32;
};

inline constexpr uint64_t kAnyChanges = ~uint64_t{0};

struct SearchOptions {
  size_t k = 10;       // 1..kMaxK
  size_t ef = 50;      // raised to k
  bool exact = false;  // linear scan
  // Bit r & 7 of byte r >> 3 allows row r; rows beyond it are not allowed. nullptr: all.
  const unsigned char* filter = nullptr;
  size_t filter_bytes = 0;
  // What changes() was when the filter was made; kBusy if it is not that any more.
  uint64_t filter_changes = kAnyChanges;
  // Largest distance returned, inclusive.
  float threshold = std::numeric_limits<float>::infinity();
};

struct AddResult {
  uint64_t first_row = 0;
  uint64_t rows = 0;
};

struct IndexStats {
  uint64_t count = 0;
  uint64_t live_count = 0;
  uint64_t linked_gone = 0;  // removed rows that walks still pass through
  uint64_t graph_rows = 0;
  uint32_t max_level = 0;
  std::vector<uint64_t> levels;
  uint64_t bytes_on_disk = 0;
  uint64_t bytes_resident = 0;  // memory of ours; mapped rows belong to the page cache
  bool unsaved = false;         // the graph differs from its snapshot
  std::string graph_problem;    // why the snapshot could not be used, when it could not
  const char* kernel = "";
  bool walks_on_codes = false;    // false also while there are too few rows for codes
  const char* codes_reason = "";  // why, or why not
};

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
  bool closed() const { return closed_.load(std::memory_order_acquire); }
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
  // more     another part of the same rows follows, and after the last one Settle: what is done
  //          for the graph as a whole waits until then.
  Status Add(std::vector<float>* vectors, const std::vector<int64_t>& keys, size_t threads,
             AddResult* result, bool more = false);
  // The same for keys that have a row: one commit brings the new rows and removes the old ones, and
  // every search sees either all of the old or all of the new. kNotFound for a key without a row,
  // unless `insert_missing`.
  Status Update(std::vector<float>* vectors, const std::vector<int64_t>& keys, bool insert_missing,
                size_t threads, AddResult* result, bool more = false);
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

  // How many nodes have no codes of the storage's kind, and making some of them, of kInline from
  // node `first` on; `*next` is where to go on, the number of nodes when all is done. Searches use
  // codes beside links at once, codes of rows when all are there. Writes wait meanwhile, readers do
  // not. An index that was opened has none until then.
  uint64_t uncoded() const;
  Status Code(uint64_t first, size_t threads, uint64_t* next);

  // Removed rows stay nodes of the graph, which walks pass through, until enough have gathered:
  // then it is due to take them out. From node `first` on, the first time 0; `*next` is where to go
  // on, the number of nodes when all is done. Searches go on, writes wait meanwhile and come
  // between calls. Row numbers stay.
  bool UnlinkIsDue() const;
  Status Unlink(uint64_t first, size_t threads, uint64_t* next);
  // Removed rows that are nodes of the graph still.
  uint64_t linked_gone() const;

  // Copies the next part of the mapped rows and links into memory of ours, in huge pages, where
  // random reads are faster; searches go on, writes wait. `*more`: whether to call again.
  // kNoMemory. Does nothing for an index in memory.
  Status Promote(bool* more);

  // An append in parts is over: what was kept from one part to the next goes, and what was put off
  // is done.
  Status Settle(size_t threads);

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
  // kNoRow for keys without a live row.
  Status RowsOf(const int64_t* keys, size_t n, uint32_t* out) const;

  Status Stats(IndexStats* out) const;
  // Reads every byte and walks every link; one line per finding.
  Status Verify(std::vector<std::string>* problems, uint64_t* rows_checked);

  // Memory that is ours alone, in bytes; 0 after close. Rows of a folder are the page cache's.
  uint64_t resident_bytes() const;

  // From now on every call is kClosed.
  void Refuse() { closed_.store(true, std::memory_order_release); }
  // Refuses new calls, waits for those under way, releases files, lock and memory. Idempotent.
  void Close();

 private:
  using Reading = std::shared_lock<std::shared_mutex>;

  Index(const IndexParameters& parameters, const std::string& path, bool read_only,
        Storage storage);

  // open.cc
  static Status CreateIn(Folder folder, const IndexParameters& parameters, Storage storage,
                         std::shared_ptr<Index>* out);
  static Status OpenLocked(const OpenOptions& options, Folder folder, FileLock lock,
                           std::shared_ptr<Index>* out);
  Status OpenRows();
  bool AreOursOnTheWay() const;  // compact.cc
  bool HoldsRowsOfLog(const char* name) const;
  Status Reserve();
  Status Replay(const GraphHeader* snapshot, bool copy, bool* bound);
  Status Apply(const LogRecord& record);
  Status LoadGraph(bool usable, size_t threads);
  Status GoWithoutGraph(const Status& why);
  uint64_t Promoted() const;
  // A file of ours, and what it is called in messages.
  FilePlace In(const char* name) const { return folder_.At(name); }
  std::string FileIn(const char* name) const { return path_ + "/" + name; }
  // Rows of compaction number `n` on their way to their name.
  static std::string RowsOnTheWay(uint32_t n) { return "embeddings.dat." + std::to_string(n); }

  // recover.cc
  // How much of the log of a copy is applied.
  struct Whole {
    uint64_t last = ~uint64_t{0};  // record
    uint64_t part = 0;             // and rows of the next
    uint64_t folded = 0;           // the last record that folding made
    uint64_t left_rows = 0;
  };
  // What ApplyPart read and did not apply.
  struct Rest {
    std::vector<int64_t> keys;
    std::vector<uint32_t> removed;
  };
  Status FindWhole(Whole* out);
  Status ApplyPart(const LogRecord& record, const Whole& whole, Rest* rest);
  Status Own();

  // files.cc
  Status OwnsFiles() const;
  Status OwnsPath() const;
  Status OwnsSnapshot() const;

  // write.cc
  Status MayWrite() const;
  Status MayStore() const;  // the same, wherever the path leads
  Status Store(const float* vectors, uint64_t rows, LogRecord* record);
  Status Commit(LogRecord* record);
  Status Append(std::vector<float>* vectors, LogRecord* record, size_t threads, bool more,
                AddResult* result);
  Status NewGraph(std::unique_ptr<Graph>* graph, std::unique_ptr<Inserter>* inserter) const;
  Status Link(Graph* graph, Inserter* inserter, uint64_t rows, const LiveCopy& now,
              size_t threads) const;

  // Reconnects the graph if enough rows came since the last time; `now`: if any came.
  Status Tidy(bool now, size_t threads, const LiveRows& kept);
  Status TidyIfThereIsRoom(bool now, size_t threads, const LiveRows& kept);
  // Rows that were searched for, and how many of them links hid.
  struct Counted {
    uint64_t rows = 0;
    uint64_t hidden = 0;
  };
  Status FindLost(const Space& space, const std::vector<uint32_t>& nodes, size_t threads,
                  std::vector<LostNode>* lost) const;
  // Searches for the nodes and links those that are lost; empties *nodes.
  Status LinkLostOf(const Space& space, std::vector<uint32_t>* nodes, size_t threads,
                    Counted* counted, uint64_t* linked);
  Status MendLost(const Space& space, uint64_t first, uint64_t rows, size_t threads,
                  uint64_t* lost);

  // Bound to the end of `log`.
  Status WriteSnapshot(const CommitLog& log);
  Status WriteSnapshotTo(const FilePlace& place, const CommitLog& log, FileStamp* written) const;

  // fold.cc
  uint64_t LeastLogBytes() const;
  bool FoldIsDue(bool writing) const;
  void FoldIfDue(bool writing);
  std::vector<LogRecord> FoldedRecords(const std::vector<ExtentRun>& runs) const;
  Status FoldLog(bool anyway);
  Status TakeFolded(const FilePlace& beside, const CommitLog& fresh,
                    const std::vector<ExtentRun>& runs);

  // unlink.cc
  bool IsUnlinked(uint64_t row) const;
  void MarkUnlinked(uint64_t row);
  void ForgetUnlinked(uint64_t from);
  void FindUnlinked();
  void GuessUnlinked();
  Status FinishUnlink(size_t threads, const LiveRows& kept);

  // inline.cc
  Status ReserveInline();
  Status MarkInline(uint64_t rows);
  void WatchLinks();
  void CountInline();
  void LookForCopies();
  void MeasureInline();
  const char* WhyNotInline() const;
  const uint16_t* TurnedRows(const VectorView& view, size_t due, size_t threads);
  void DropTurned();
  void CodeNode(const Space& space, const VectorView& view, const uint16_t* turned, uint32_t node,
                InlineRows::Scratch* scratch);
  Walk WalkCodes(const float* query, const SearchOptions& options, size_t ef,
                 const uint64_t* allowed, uint64_t n, uint64_t nodes, uint64_t matches,
                 Scratch* scratch) const;
  // kFileCorrupt if another program cut rows or graph under us, see RowStore::CheckCut.
  Status CheckCut() const;
  // codes.cc
  // Codes the rows up to `rows`, or all of them again when there are many more than the centre was
  // taken from. Before the new rows are linked: whoever reaches a node finds its code.
  void UpdateCodes(uint64_t rows, size_t threads);
  void SetCodes(std::shared_ptr<RowCodes> codes);
  uint64_t UncodedRows() const;
  Status CodeRows(size_t threads, uint64_t* next);
  std::shared_ptr<RowCodes> MakeCodes(CodeKind kind, uint64_t rows, uint64_t room,
                                      size_t threads) const;
  // What rows [from, rows) are best linked on; null: the rows.
  std::shared_ptr<const RowCodes> CodesForLinking(uint64_t from, uint64_t rows,
                                                  size_t threads) const;
  // Measures, on a sample of the rows as queries, whether codes_ can be searched on, and how far a
  // query's neighbors usually are.
  void LearnCodes();
  const char* WhyNoCodes() const;
  bool CodesAreDue() const;  // for that
  std::shared_ptr<const RowCodes> Codes() const;

  // code_search.cc
  class CodeScan;
  Status Rerank(const float* query, const QueryCode& code, size_t wanted, size_t ef,
                std::vector<Neighbor>* hits, bool* sure) const;
  Status ScanCodes(const float* query, const RowCodes& codes, const uint64_t* allowed, uint64_t n,
                   size_t wanted, size_t ef, const std::vector<Neighbor>& walked, Scratch* scratch,
                   bool* sure) const;

  // read.cc
  Status Enter(Reading* lock) const;
  Space MakeSpace() const;
  Status SearchOne(const float* query, const SearchOptions& options, uint32_t* rows,
                   float* distances, size_t* found) const;
  Status WalkGraph(const float* query, const SearchOptions& options, size_t ef,
                   const uint64_t* allowed, uint64_t n, uint64_t nodes, uint64_t matches,
                   const RowCodes* codes, Scratch* scratch, bool* scan) const;
  Status ScanExact(const float* query, const uint64_t* allowed, uint64_t n, size_t k,
                   std::vector<Neighbor>* out) const;
  uint64_t Resident() const;
  void Release();

  const IndexParameters parameters_;
  const std::string path_;  // empty: in memory
  const bool read_only_;
  const Storage storage_;
  const KernelTable* kernels_ = nullptr;
  uint64_t max_rows_ = 0;

  std::atomic<bool> closed_{false};
  mutable std::shared_mutex gate_;  // shared by every call, exclusive to Rollback and Close
  // The system's lock lets new readers in before a waiting writer, for ever if they never pause.
  mutable std::mutex turn_;  // held by Rollback while it waits for gate_
  std::atomic<bool> waiting_{false};
  mutable std::mutex writer_;  // one writer; taken before gate_
  Status broken_;              // why nothing more is written (writer_)

  // Who reads rows, links, keys or codes right now: waited for before these move to a larger place,
  // or codes are rewritten. Never by a writer, who would wait for itself.
  mutable Grace readers_;
  Folder folder_;  // before what is opened in it
  FileLock lock_;
  FileStamp snapshot_;  // hnsw_index.bin as it was read or written last (writer_)
  CommitLog log_;
  mutable RowStore rows_;
  KeyTable keys_;
  std::unique_ptr<GraphFile> graph_file_;  // outlives graph_, which may ask it to check blocks
  std::unique_ptr<Graph> graph_;
  std::unique_ptr<Inserter> inserter_;
  std::atomic<uint64_t> linked_{0};  // rows the graph holds
  mutable std::atomic<bool> graph_damaged_{false};
  Status unlinkable_;  // why no graph could be made when it was opened (writer_)
  // The most rows any commit ever covered: another process may still map those (writer_).
  uint64_t committed_once_ = 0;
  uint64_t folded_bytes_ = 0;       // of the log when it was folded last (writer_)
  uint64_t opened_rows_ = 0;        // there when the index was opened
  uint64_t tidied_ = 0;             // rows when the graph was last reconnected (writer_)
  std::vector<uint64_t> unlinked_;  // removed rows that the graph does not hold (writer_)
  std::atomic<uint64_t> unlinked_count_{0};
  // Those that Unlink is taking out, and the node it goes on from (writer_).
  std::vector<uint32_t> leaving_;
  uint64_t unlink_at_ = 0;
  uint64_t searched_all_at_ = 0;        // rows when all were last searched for (writer_)
  Counted few_;                         // of rows with few links to them (writer_)
  Counted probed_;                      // of a sample (writer_)
  std::unique_ptr<InlineRows> inline_;  // Storage::kInline only
  std::atomic<bool> walks_inline_{false};
  std::atomic<bool> copies_crowd_{false};
  std::atomic<bool> inline_suits_{true};  // as codes_suit_
  // For the length of coding many nodes (writer_): see InlineRows::Turn.
  GrowingArray<uint16_t> turned_;
  uint64_t turned_rows_ = 0;
  std::atomic<bool> unsaved_{false};  // the graph differs from its snapshot
  mutable std::mutex codes_mutex_;    // for the pointer; what it points to only grows
  // Codes for linking alone, from one part of an append to the next (writer_).
  mutable std::shared_ptr<RowCodes> link_codes_;
  // Rows there were when linking on codes was given up, see Inserter::CodesPay; 0: it was not.
  mutable std::atomic<uint64_t> codes_failed_at_{0};
  std::shared_ptr<RowCodes> unfinished_codes_;  // of CodeRows, from call to call (writer_)
  std::shared_ptr<RowCodes> codes_;             // null: walk on the rows
  // Whether searches walk on codes_; not where they could not answer for a sample of the rows.
  std::atomic<bool> codes_suit_{false};
  uint64_t codes_measured_on_ = 0;  // rows there were then (writer_)
  std::atomic<float> reach_{std::numeric_limits<float>::infinity()};
  std::string graph_problem_;  // set before the index is handed out
  std::string recovered_;      // the same
  bool owns_ = true;           // false: the log on disk says more than there is (writer_)
  mutable ScratchPool scratches_;
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_INDEX_H_
