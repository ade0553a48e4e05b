// A folder that was copied file by file while it was written to. Its files are of different
// moments: rows that the log counts are missing at the end or were not written yet, or the log ends
// before the snapshot. An index in its place with the same bytes lost what it had acknowledged, so
// the folder says which of the two it is (LOCK names itself, see FileLock); a copy is opened at its
// last whole commit and says what was left out.
//
// Nothing is written until the first write: that puts a log of what is left in the place of the
// one that was copied.
#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "index/index.h"
#include "index/names.h"
#include "platform/file.h"

namespace sightline {
namespace {

// Of a copy where nothing is missing by its size, so much of the end is checked all the same.
constexpr uint64_t kCheckedBytes = uint64_t{256} << 20;

// What a log says of rows, without keys.
struct Step {
  RecordType type;
  uint64_t first_row;
  uint64_t rows_after;
  std::vector<uint32_t> crcs;
};

bool Appends(RecordType type) {
  return type == RecordType::kAppend || type == RecordType::kReplace;
}

Extents ExtentsAt(const std::vector<Step>& steps, size_t end, uint32_t rows_per_extent) {
  Extents extents(rows_per_extent);
  for (size_t i = 0; i < end; ++i) {
    const Step& step = steps[i];
    if (Appends(step.type)) extents.Append(step.rows_after - step.first_row, step.crcs);
    if (step.type == RecordType::kRollback) {
      extents.Truncate(step.rows_after, step.crcs.empty() ? 0 : step.crcs[0]);
    }
  }
  return extents;
}

}  // namespace

// Reads the log, and the rows as far as that takes, and leaves the log as it was opened.
// out  how much of the log to apply; all of it also where rows are damaged for another reason.
Status Index::FindWhole(Whole* out) {
  std::vector<Step> steps;
  std::vector<uint64_t> kept;  // by rollbacks
  uint64_t before = 0;
  bool sound = true;
  SL_RETURN_IF_ERROR(log_.ReadNew(
      [&](const LogRecord& record) {
        const bool appends = Appends(record.type);
        // What Apply will refuse is none of this.
        sound = sound &&
                (!appends || (record.first_row == before &&
                              record.rows_after == before + record.keys.size())) &&
                record.rows_after <= kMaxRows &&
                (record.type != RecordType::kRollback || record.rows_after <= before);
        if (record.type == RecordType::kRollback && record.rows_after == before &&
            out->folded == 0) {
          out->folded = record.sequence;
        }
        if (record.type == RecordType::kRollback && record.rows_after < before) {
          kept.push_back(record.rows_after);
        }
        before = record.rows_after;
        steps.push_back({record.type, record.first_row, record.rows_after, record.crcs});
        return Status::Ok();
      },
      ~uint64_t{0}, true));
  log_.Restart();
  if (!sound) return Status::Ok();
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(rows_.FileBytes(&size));
  const uint64_t row_bytes = parameters_.row_bytes();
  const bool is_short = size / row_bytes < before;
  uint64_t first = is_short ? 0 : before - std::min(before, kCheckedBytes / row_bytes);
  size_t end = steps.size();
  uint64_t written = 0;
  for (;;) {
    const Extents extents = ExtentsAt(steps, end, parameters_.rows_per_extent());
    RowStore::Flaw flaw;
    if (first < extents.rows()) SL_RETURN_IF_ERROR(rows_.FindFlaw(extents, first, &flaw));
    if (flaw.whole) break;
    const uint64_t flawed = flaw.first_row;
    const bool rewritten =
        std::any_of(kept.begin(), kept.end(), [&](uint64_t rows) { return rows <= flawed; });
    // Damage, or rows of another order: nothing is left out for its sake.
    if (!flaw.missing && !rewritten) {
      if (!is_short) return Status::Ok();
      return Status(StatusCode::kFileCorrupt,
                    FileIn(kRowsName) + " holds " + std::to_string(size / row_bytes) +
                        " rows of the " + std::to_string(before) +
                        " that the log counts, and those from row " + std::to_string(flawed) +
                        " on do not match their checksums: damage, or a copy across a "
                        "compaction. Copy it again, or use backup");
    }
    written = flawed + (flaw.missing ? flaw.written : 0);
    first = 0;
    while (end > 0 && steps[end - 1].rows_after > flawed) --end;
  }
  if (end == steps.size()) return Status::Ok();
  out->last = end;
  const uint64_t whole = end == 0 ? 0 : steps[end - 1].rows_after;
  // Folding joined commits, so its records may be cut anywhere; others count in full or not.
  if (end < out->folded && Appends(steps[end].type) && written > whole) {
    out->part = std::min(written, steps[end].rows_after) - whole;
  }
  out->left_rows = before - std::min(before, whole + out->part);
  return Status::Ok();
}

// The first rows of a record that folding made, and which of them it says were removed. A row that
// gave way to one that is missing is the last that its key had: it stays.
Status Index::ApplyPart(const LogRecord& record, const Whole& whole, Rest* rest) {
  const uint64_t end = keys_.rows();
  if (Appends(record.type)) {
    size_t at = 0;
    if (record.sequence == whole.last + 1 && whole.part > 0) {
      at = whole.part;
      LogRecord part;
      part.keys.assign(record.keys.begin(), record.keys.begin() + static_cast<int64_t>(at));
      const uint64_t per = parameters_.rows_per_extent();
      part.crcs.assign(record.crcs.begin(),
                       record.crcs.begin() + static_cast<int64_t>((at + per - 1) / per));
      const uint64_t in_last = at % per;
      if (in_last != 0) {
        SL_RETURN_IF_ERROR(rows_.ChecksumOfFile(end + at - in_last, in_last, &part.crcs.back()));
      }
      SL_RETURN_IF_ERROR(rows_.Adopt(at, part.crcs));
      SL_RETURN_IF_ERROR(keys_.Append(part.keys.data(), at));
      committed_once_ = std::max(committed_once_, keys_.rows());
    }
    rest->keys.insert(rest->keys.end(), record.keys.begin() + static_cast<int64_t>(at),
                      record.keys.end());
  } else if (record.type == RecordType::kRollback) {
    if (record.rows_after >= end) {
      rest->keys.resize(std::min<uint64_t>(rest->keys.size(), record.rows_after - end));
    }
  } else {
    rest->removed.insert(rest->removed.end(), record.rows.begin(), record.rows.end());
  }
  if (record.sequence != whole.folded) return Status::Ok();
  const std::unordered_set<uint32_t> removed(rest->removed.begin(), rest->removed.end());
  std::unordered_set<int64_t> missing;
  for (size_t i = 0; i < rest->keys.size(); ++i) {
    if (removed.count(static_cast<uint32_t>(end + i)) == 0) missing.insert(rest->keys[i]);
  }
  std::vector<uint32_t> gone;
  for (uint64_t row = end; row-- > 0;) {
    if (removed.count(static_cast<uint32_t>(row)) != 0 && missing.erase(keys_.key_of(row)) == 0) {
      gone.push_back(static_cast<uint32_t>(row));
    }
  }
  return keys_.Remove(gone);
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
