// Whether the files that were opened are still the index's. Somebody may delete, rename or replace
// the folder, or one file in it, while a handle is open; a handle writes to what it opened or not
// at all, and says what happened.
//
//   what path leads to    log and rows in the folder    written to
//   the folder            as opened                     yes
//   nothing: renamed      as opened                     yes, under its new name
//   another folder        as opened                     no: nobody would look for it there
//   any                   gone, or another file         no
//
// What was read stays readable: files live as long as somebody has them open.
#include "index/file_names.h"
#include "index/index.h"
#include "platform/entropy.h"

namespace sightline {
namespace {

constexpr char kRemedy[] =
    ". Nothing was written to what is there now; rows can still be searched and exported from this "
    "handle. Close it and open the index again";

Status Lost(Named now, const std::string& what) {
  if (now == Named::kNothing) {
    return Status(StatusCode::kFileMissing, what + " was deleted while it was open" + kRemedy);
  }
  return Status(StatusCode::kFileReplaced, what + " was replaced while it was open" + kRemedy);
}

}  // namespace

// The log and the rows are still in the folder that was opened.
Status Index::OwnsFiles() const {
  if (path_.empty()) return Status::Ok();
  Named log = Named::kThis;
  Named rows = Named::kThis;
  SL_RETURN_IF_ERROR(log_.WhatNameNames(&log));
  SL_RETURN_IF_ERROR(rows_.WhatNameNames(&rows));
  if (log != Named::kThis && rows != Named::kThis) {
    // All of it: say what became of the folder.
    Named folder = Named::kThis;
    SL_RETURN_IF_ERROR(folder_.WhatPathNames(&folder));
    return Lost(folder == Named::kThis ? log : folder, path_);
  }
  if (log != Named::kThis) return Lost(log, FileIn(kLogName));
  if (rows != Named::kThis) return Lost(rows, FileIn(kRowsName));
  bool known = true;
  SL_RETURN_IF_ERROR(log_.EndsAsKnown(&known));
  return known ? Status::Ok() : Lost(Named::kOther, FileIn(kLogName));
}

// The path does not lead to another folder by now.
Status Index::OwnsPath() const {
  if (path_.empty()) return Status::Ok();
  Named now = Named::kThis;
  SL_RETURN_IF_ERROR(folder_.WhatPathNames(&now));
  return now == Named::kOther ? Lost(now, path_) : Status::Ok();
}

// Whether hnsw_index.bin is the one that was read or written last, or none.
Status Index::OwnsSnapshot() const {
  FileStamp now;
  SL_RETURN_IF_ERROR(StampOf(In(kGraphName), &now));
  if (!now.exists || now == snapshot_) return Status::Ok();
  return Lost(Named::kOther, FileIn(kGraphName));
}

Status Index::CheckCut() const {
  SL_RETURN_IF_ERROR(rows_.CheckCut());
  if (!graph_->base_range().Cut()) return Status::Ok();
  return Status(StatusCode::kFileCorrupt,
                FileIn(kGraphName) +
                    " lost links while it was in use: another program cut it "
                    "short, or the disk could not read it");
}

Status Index::CopyInto(const std::string& path) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  if (path_.empty()) return Status(StatusCode::kInvalidType, "an index in memory has no files");
  // After a failed write the log's end is not known.
  if (!broken_.ok()) return MayStore();
  Folder folder;
  SL_RETURN_IF_ERROR(Folder::Open(path, &folder));
  SL_RETURN_IF_ERROR(rows_.CopyTo(folder.At(kRowsName)));
  CommitLog of_what_is_left;
  if (owns_) {
    SL_RETURN_IF_ERROR(log_.CopyTo(folder.At(kLogName)));
  } else {
    std::vector<LogRecord> records = Folded(rows_.JoinedExtents());
    Uuid uuid;
    SL_RETURN_IF_ERROR(RandomBytes(uuid.data(), uuid.size()));
    SL_RETURN_IF_ERROR(
        CommitLog::Write(folder.At(kLogName), log_.parameters(), uuid, &records, &of_what_is_left));
  }
  // A damaged graph is built again by whoever opens the copy.
  if (graph_damaged_ || !CheckCut().ok()) return SyncFolder(path);
  FileStamp ignored;
  return WriteSnapshotTo(folder.At(kGraphName), owns_ ? log_ : of_what_is_left, &ignored);
}

Status Index::WriteNote(const std::string& name, const void* data, size_t size) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  if (path_.empty()) return Status(StatusCode::kInvalidType, "an index in memory has no folder");
  SL_RETURN_IF_ERROR(MayWrite());
  return ReplaceFile(In(name.c_str()), data, size);
}

}  // namespace sightline
