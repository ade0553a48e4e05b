// Saves the graph snapshot, so that opening need not link all rows.
#include <algorithm>

#include "index/caught.h"
#include "index/file_names.h"
#include "index/index.h"
#include "index/live_copy.h"

namespace sightline {

Status Index::Save(bool closing) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  SL_RETURN_IF_ERROR(MayStore());
  SL_RETURN_IF_ERROR(Tidy(true, 0, LiveCopy(keys_, keys_.rows()).kept()));
  if (path_.empty() || (closing && !unsaved_ && !FoldIsDue(closing))) return Status::Ok();
  // Nothing was written to this copy: the next opener must report again what it lacks.
  if (closing && !owns_) return Status::Ok();
  SL_RETURN_IF_ERROR(OwnsFiles());
  SL_RETURN_IF_ERROR(Own());
  FoldIfDue(closing);
  // Also in a folder that was renamed.
  if (unsaved_) SL_RETURN_IF_ERROR(WriteSnapshot(log_));
  return OwnsPath();
}

Status Index::WriteSnapshot(const CommitLog& log) {
  SL_RETURN_IF_ERROR(OwnsSnapshot());
  const FileLocation location = In(kGraphName);
  FileStamp written;
  const Status done = Caught([&] { return WriteSnapshotTo(location, log, &written); });
  FileStamp now;
  const Status looked = Caught([&] { return StampOf(location, &now); });
  // Without memory for the check, it counts as ours.
  const bool unseen = looked.code() == StatusCode::kNoMemory;
  if ((unseen && done.ok()) || (looked.ok() && now == written)) snapshot_ = written;
  SL_RETURN_IF_ERROR(done);
  unsaved_ = false;
  return Status::Ok();
}

Status Index::WriteSnapshotTo(const FileLocation& location, const CommitLog& log,
                              FileStamp* written) const {
  GraphHeader header;
  header.uuid = log.uuid();
  header.sequence = log.sequence();
  header.chain = log.chain();
  header.m = parameters_.m;
  header.seed = parameters_.seed;
  header.nodes = graph_->size();
  const EntryPoint entry = graph_->entry();
  header.entry = entry.node;
  header.max_level = entry.level;
  header.upper_lists = graph_->upper_lists();
  return WriteGraphFile(location, header, graph_->base_range(), graph_->upper_range(), written);
}

}  // namespace sightline
