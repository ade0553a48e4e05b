#include "index/recover.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "format/limits.h"
#include "storage/extents.h"

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

Status FindWhole(CommitLog* log, const RowStore& rows, const std::string& rows_file,
                 WholeLog* out) {
  const IndexParameters& parameters = log->parameters();
  std::vector<Step> steps;
  std::vector<uint64_t> kept;  // by rollbacks
  uint64_t before = 0;
  bool sound = true;
  SL_RETURN_IF_ERROR(log->ReadNew(
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
  log->Restart();
  if (!sound) return Status::Ok();
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(rows.FileBytes(&size));
  const uint64_t row_bytes = parameters.row_bytes();
  const bool is_short = size / row_bytes < before;
  uint64_t first = is_short ? 0 : before - std::min(before, kCheckedBytes / row_bytes);
  size_t end = steps.size();
  uint64_t written = 0;
  for (;;) {
    const Extents extents = ExtentsAt(steps, end, parameters.rows_per_extent());
    RowStore::Flaw flaw;
    if (first < extents.rows()) SL_RETURN_IF_ERROR(rows.FindFlaw(extents, first, &flaw));
    if (flaw.whole) break;
    const uint64_t flawed = flaw.first_row;
    const bool rewritten =
        std::any_of(kept.begin(), kept.end(), [&](uint64_t most) { return most <= flawed; });
    // Damage, or rows of another order: nothing is left out for its sake.
    if (!flaw.missing && !rewritten) {
      if (!is_short) return Status::Ok();
      return Status(StatusCode::kFileCorrupt,
                    rows_file + " holds " + std::to_string(size / row_bytes) + " rows of the " +
                        std::to_string(before) + " that the log counts, and those from row " +
                        std::to_string(flawed) +
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

Status PartOfFold::AppendPart(const LogRecord& record, uint64_t count) {
  const auto end = static_cast<std::ptrdiff_t>(count);
  const uint64_t in_last = count % rows_per_extent_;
  const uint64_t extents = (count + rows_per_extent_ - 1) / rows_per_extent_;
  const std::vector<int64_t> keys(record.keys.begin(), record.keys.begin() + end);
  std::vector<uint32_t> crcs(record.crcs.begin(),
                             record.crcs.begin() + static_cast<std::ptrdiff_t>(extents));
  if (in_last != 0) {
    const uint64_t first = keys_->rows() + count - in_last;
    SL_RETURN_IF_ERROR(rows_->ChecksumOfFile(first, in_last, &crcs.back()));
  }
  SL_RETURN_IF_ERROR(rows_->Adopt(count, crcs));
  const Payloads payloads = record.payloads.First(count);
  SL_RETURN_IF_ERROR(payloads_->Prepare(keys_->rows() + count, payloads));
  payloads_->Append(keys_->rows(), payloads);
  return keys_->Append(keys.data(), count);
}

Status PartOfFold::Apply(const LogRecord& record, const WholeLog& whole) {
  const uint64_t end = keys_->rows();
  if (Appends(record.type)) {
    const uint64_t count = record.sequence == whole.last + 1 ? whole.part : 0;
    if (count > 0) SL_RETURN_IF_ERROR(AppendPart(record, count));
    missing_keys_.insert(missing_keys_.end(),
                         record.keys.begin() + static_cast<std::ptrdiff_t>(count),
                         record.keys.end());
  } else if (record.type == RecordType::kRollback) {
    if (record.rows_after >= end) {
      missing_keys_.resize(std::min<uint64_t>(missing_keys_.size(), record.rows_after - end));
    }
  } else if (record.type == RecordType::kRemove) {
    removed_.insert(removed_.end(), record.rows.begin(), record.rows.end());
  }
  if (record.sequence != whole.folded) return Status::Ok();
  const std::unordered_set<uint32_t> removed(removed_.begin(), removed_.end());
  std::unordered_set<int64_t> missing;
  for (size_t i = 0; i < missing_keys_.size(); ++i) {
    if (removed.count(static_cast<uint32_t>(end + i)) == 0) missing.insert(missing_keys_[i]);
  }
  std::vector<uint32_t> left_out;
  for (uint64_t row = end; row-- > 0;) {
    if (removed.count(static_cast<uint32_t>(row)) != 0 && missing.erase(keys_->key_of(row)) == 0) {
      left_out.push_back(static_cast<uint32_t>(row));
    }
  }
  return keys_->Remove(left_out);
}
}  // namespace sightline
