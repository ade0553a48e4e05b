// Figures, and the full check.
#include "index/file_names.h"
#include "index/index.h"
#include "index/live_copy.h"
#include "platform/exiting.h"
#include "platform/file.h"

namespace sightline {
namespace {

uint64_t BytesOf(const FileLocation& location) {
  File file;
  uint64_t size = 0;
  if (!File::Open(location, OpenMode::kRead, &file).ok() || !file.Size(&size).ok()) return 0;
  return size;
}

}  // namespace

uint64_t Index::Resident() const {
  const uint64_t rows =
      path_.empty() ? keys_.rows() * parameters_.row_bytes() : rows_.promoted_bytes();
  return rows + graph_->resident_bytes() + keys_.resident_bytes() + payloads_.resident_bytes() +
         row_codes_.resident_bytes() + inline_codes_.resident_bytes();
}

uint64_t Index::resident_bytes() const {
  Reading reading;
  return Enter(&reading).ok() ? Resident() : 0;
}

Status Index::Stats(IndexStats* out) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Epoch::Guard counted(&readers_);
  IndexStats stats;
  stats.count = keys_.rows();
  stats.live_count = keys_.live();
  stats.removed_in_graph = removed_in_graph();
  stats.graph_rows = linked_;
  stats.max_level = graph_->entry().exists() ? graph_->entry().level : 0;
  stats.levels = CountLevels(*graph_);
  stats.unsaved = !path_.empty() && unsaved_;
  stats.graph_problem = graph_damaged_ && unlinkable_.ok()
                            ? "the snapshot was damaged after it was opened; searches scan"
                            : graph_problem_;
  stats.kernel = kernels_->name;
  stats.walks_on_codes = inline_codes_.walks() || row_codes_.ForSearch() != nullptr;
  stats.codes_reason = stats.walks_on_codes       ? "used"
                       : inline_codes_.reserved() ? inline_codes_.WhyNot(*graph_)
                                                  : row_codes_.WhyNot(keys_.rows());
  stats.bytes_resident = Resident();
  if (!path_.empty()) {
    for (const char* name : {kRowsName, kLogName, kGraphName}) {
      stats.bytes_on_disk += BytesOf(In(name));
    }
  }
  *out = stats;
  return Status::Ok();
}

Status Index::Verify(std::vector<std::string>* problems, uint64_t* rows_checked) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  problems->clear();
  // What is due at the next save is no finding. Damage is, below.
  const LiveCopy now(keys_, keys_.rows());
  const Status tidied = Tidy(true, 0, now.kept());
  if (!tidied.ok() && tidied.code() != StatusCode::kFileCorrupt) return tidied;
  *rows_checked = rows_.count();
  if (!path_.empty()) {
    // What is on disk, not what was read when the index was opened.
    CommitLog log;
    Status status = CommitLog::Open(In(kLogName), false, &log);
    if (status.ok()) status = log.ReadNew([](const LogRecord&) { return Status::Ok(); });
    // A machine without memory is no finding.
    if (status.code() == StatusCode::kNoMemory) return status;
    if (!status.ok()) problems->push_back(status.message());
    if (status.ok() && !read_only_ && owns_ && log.sequence() != log_.sequence()) {
      problems->push_back(FileIn(kLogName) + " ends at record " + std::to_string(log.sequence()) +
                          ", written were " + std::to_string(log_.sequence()));
    }
    // After a read-only open the snapshot may have been replaced; the writer's folder is its own.
    GraphFile file;
    status = GraphFile::Open(In(kGraphName), &file);
    if (status.ok()) {
      ReservedRange base;
      ReservedRange upper;
      const GraphLayout layout = LayoutOf(file.header());
      SL_RETURN_IF_ERROR(ReservedRange::Reserve(layout.base_bytes, &base));
      SL_RETURN_IF_ERROR(ReservedRange::Reserve(layout.upper_bytes, &upper));
      status = file.Map(&base, &upper);
      if (status.ok()) status = file.CheckAll();
    }
    if (status.code() == StatusCode::kNoMemory) return status;
    if (!status.ok() && status.code() != StatusCode::kFileMissing) {
      problems->push_back(status.message());
    }
  }
  rows_.Recheck(problems);
  const GraphReport report = ValidateGraph(*graph_, now.kept());
  if (Exiting()) return ExitingStatus();
  const Status cut = CheckCut();
  if (!cut.ok()) problems->push_back(cut.message());
  for (const std::string& problem : report.problems) problems->push_back("graph: " + problem);
  if (report.unreachable > 0) {
    problems->push_back("graph: " + std::to_string(report.unreachable) +
                        " live nodes cannot be reached from the entry point");
  }
  return Status::Ok();
}

}  // namespace sightline
