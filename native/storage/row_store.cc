#include "storage/row_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "platform/exiting.h"

namespace sightline {
namespace {

constexpr uint64_t kRowsPerCopy = 4096;  // buffered by CopyTo
constexpr uint64_t kPage = 4096;

// Whether a row at `offset` of a copied file was not completely written: it is zero, or zero up to
// or from a page boundary.
bool IsUnwritten(const unsigned char* row, uint64_t offset, uint64_t size) {
  constexpr uint64_t kZeros = 64;
  if (AllBytesAre(row, size, 0)) return true;
  for (uint64_t page = (offset + kPage - 1) / kPage * kPage; page <= offset + size; page += kPage) {
    const uint64_t at = page - offset;
    const uint64_t before = std::min(kZeros, at);
    const uint64_t behind = std::min(kZeros, size - at);
    if (before > 0 && AllBytesAre(row + at - before, before, 0)) return true;
    if (behind > 0 && AllBytesAre(row + at, behind, 0)) return true;
  }
  return false;
}

}  // namespace

RowStore::RowStore(size_t dim, uint32_t rows_per_extent)
    : dim_(dim), rows_per_extent_(rows_per_extent), extents_(rows_per_extent) {}

Status RowStore::OpenMemory(uint64_t max_rows, Epoch* readers) {
  return ReservedRange::Reserve(OffsetOf(max_rows), &bytes_, readers);
}

Status RowStore::OpenFile(const FileLocation& location, OpenMode mode, uint64_t max_rows,
                          Epoch* readers) {
  SL_RETURN_IF_ERROR(File::Open(location, mode, &file_));
  SL_RETURN_IF_ERROR(ReservedRange::MapGrowing(file_, OffsetOf(max_rows), &bytes_, readers));
  return trusted_.Reserve(max_rows / 64 + 1, readers);
}

Status RowStore::Adopt(uint64_t rows, const std::vector<uint32_t>& crcs) {
  const uint64_t after = count() + rows;
  if (OffsetOf(after) > bytes_.most()) {
    return Status(StatusCode::kNoMemory,
                  file_.path() + ": no room for " + std::to_string(after) + " rows");
  }
  SL_RETURN_IF_ERROR(trusted_.Grow(after / 64 + 1));
  const std::lock_guard<std::mutex> lock(extents_mutex_);
  extents_.Append(rows, crcs);
  count_.store(after, std::memory_order_release);
  return Status::Ok();
}

Status RowStore::CheckSize() {
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file_.Size(&size));
  if (size >= OffsetOf(count())) {
    // The file may have grown since it was mapped.
    SL_RETURN_IF_ERROR(bytes_.Reach(file_, OffsetOf(count())));
    sized_ = true;
    bytes_.SetEnd(OffsetOf(count()));
    return Status::Ok();
  }
  const uint64_t whole = size / OffsetOf(1);
  return Status(StatusCode::kFileCorrupt,
                file_.path() + " holds " + std::to_string(whole) + " rows of the " +
                    std::to_string(count()) + " that the log counts: rows " +
                    std::to_string(whole) + " to " + std::to_string(count() - 1) +
                    " are missing. If this folder is a copy, delete LOCK in it: it then opens with "
                    "what is whole");
}

Status RowStore::CheckCut() const {
  if (!bytes_.Cut()) return Status::Ok();
  return Status(StatusCode::kFileCorrupt,
                file_.path() +
                    " lost rows while it was in use: another program cut it short, or "
                    "the disk could not read it");
}

Status RowStore::Write(const float* data, uint64_t rows, std::vector<uint32_t>* crcs,
                       bool* untouched) {
  crcs->clear();
  *untouched = true;
  const uint64_t first = count();
  const uint64_t size = OffsetOf(rows);
  if (OffsetOf(first) + size > bytes_.most()) {
    return Status(StatusCode::kNoMemory, "the index is full at " + std::to_string(first) + " rows");
  }
  if (in_memory()) {
    SL_RETURN_IF_ERROR(bytes_.Commit(OffsetOf(first) + size));
    std::memcpy(bytes_.data() + OffsetOf(first), data, size);
    return Status::Ok();
  }
  // A file that was cut must not grow again: the lost rows would read as zeros, without a fault.
  Status whole = CheckSize();
  if (whole.ok()) whole = CheckCut();
  *untouched = whole.ok();
  SL_RETURN_IF_ERROR(whole);
  SL_RETURN_IF_ERROR(trusted_.Grow((first + rows) / 64 + 1));
  SL_RETURN_IF_ERROR(bytes_.Reach(file_, OffsetOf(first) + size));
  // Private copies of rolled back rows may be here.
  SL_RETURN_IF_ERROR(bytes_.Demote(file_, OffsetOf(first)));
  for (uint64_t row = 0; row < rows; row += rows_per_extent_) {
    const uint64_t in_extent = std::min<uint64_t>(rows_per_extent_, rows - row);
    crcs->push_back(Crc32c(data + row * dim_, OffsetOf(in_extent)));
  }
  const Status room = file_.Allocate(OffsetOf(first) + size);
  *untouched = room.code() == StatusCode::kDiskFull;
  SL_RETURN_IF_ERROR(room);
  SL_RETURN_IF_ERROR(file_.WriteAt(OffsetOf(first), data, size));
  SL_RETURN_IF_ERROR(file_.SyncData());
  bytes_.Wrote(data, OffsetOf(first), size);
  return Status::Ok();
}

void RowStore::Publish(uint64_t rows, const std::vector<uint32_t>& crcs) {
  const uint64_t first = count();
  if (!in_memory()) {
    const std::lock_guard<std::mutex> lock(extents_mutex_);
    extents_.Append(rows, crcs);
    Trust(first, first + rows);
    bytes_.SetEnd(OffsetOf(first + rows));
  }
  count_.store(first + rows, std::memory_order_release);
}

Status RowStore::PlanTruncate(uint64_t rows, std::vector<uint32_t>* crcs) {
  crcs->clear();
  if (in_memory()) return Status::Ok();
  Extent cut;
  {
    const std::lock_guard<std::mutex> lock(extents_mutex_);
    if (!extents_.Cuts(rows, &cut)) return Status::Ok();
  }
  // A new checksum over damaged bytes would hide the damage.
  SL_RETURN_IF_ERROR(EnsureTrusted(cut.first_row, cut.first_row + cut.rows));
  crcs->push_back(Crc32c(bytes_.data() + OffsetOf(cut.first_row), OffsetOf(cut.rows)));
  return CheckCut();
}

void RowStore::Truncate(uint64_t rows, const std::vector<uint32_t>& crcs) {
  const uint64_t before = count();
  if (!in_memory()) {
    const std::lock_guard<std::mutex> lock(extents_mutex_);
    extents_.Truncate(rows, crcs.empty() ? 0 : crcs[0]);
    for (uint64_t row = rows; row < before; ++row) {
      trusted_[row >> 6].fetch_and(~(uint64_t{1} << (row & 63)), std::memory_order_relaxed);
    }
    // During replay the file may be shorter than an earlier row count.
    if (sized_) bytes_.SetEnd(OffsetOf(rows));
  }
  count_.store(rows, std::memory_order_release);
}

std::vector<ExtentRun> RowStore::JoinedExtents() {
  const std::lock_guard<std::mutex> lock(extents_mutex_);
  return extents_.Joined(dim_ * sizeof(float));
}

void RowStore::AdoptExtents(const std::vector<ExtentRun>& runs) {
  Extents extents(rows_per_extent_);
  for (const ExtentRun& run : runs) extents.Append(run.rows, run.crcs);
  const std::lock_guard<std::mutex> lock(extents_mutex_);
  extents_ = std::move(extents);
}

Status RowStore::TrimFile(uint64_t rows) {
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file_.Size(&size));
  return size <= OffsetOf(rows) ? Status::Ok() : file_.Truncate(OffsetOf(rows));
}

VectorView RowStore::view() const {
  VectorView view;
  view.base = bytes_.data();
  view.count = count();
  view.dim = dim_;
  view.stride = dim_ * sizeof(float);
  return view;
}

LazyCheck RowStore::guard() {
  if (in_memory()) return LazyCheck{};
  return LazyCheck{trusted_.data(), &RowStore::CheckRow, this};
}

void RowStore::Trust(uint64_t first, uint64_t last) {
  for (uint64_t row = first; row < last;) {
    const uint64_t word_end = std::min<uint64_t>(last, (row / 64 + 1) * 64);
    const uint64_t bits =
        word_end - row == 64 ? ~uint64_t{0} : (uint64_t{1} << (word_end - row)) - 1;
    trusted_[row >> 6].fetch_or(bits << (row & 63), std::memory_order_release);
    row = word_end;
  }
}

bool RowStore::ExtentMatches(const Extent& extent) const {
  const unsigned char* bytes = bytes_.data() + OffsetOf(extent.first_row);
  return CrcMatches(Crc32c(bytes, OffsetOf(extent.rows)), extent.crc);
}

bool RowStore::ExtentOfFileMatches(const Extent& extent) const {
  std::vector<unsigned char> bytes(OffsetOf(extent.rows));
  return file_.ReadAt(OffsetOf(extent.first_row), bytes.data(), bytes.size()).ok() &&
         CrcMatches(Crc32c(bytes.data(), bytes.size()), extent.crc);
}

Status RowStore::Promote() {
  return in_memory() ? Status::Ok() : bytes_.Promote(OffsetOf(count()));
}

bool RowStore::CheckRow(void* self, size_t row) {
  RowStore& store = *static_cast<RowStore*>(self);
  Extent extent;
  {
    const std::lock_guard<std::mutex> lock(store.extents_mutex_);
    // Rows beyond the log must not be read.
    if (row >= store.extents_.rows()) return false;
    extent = store.extents_.Of(row);
  }
  if (!store.ExtentMatches(extent)) return false;
  store.Trust(extent.first_row, extent.first_row + extent.rows);
  return true;
}

Status RowStore::EnsureTrusted(uint64_t first, uint64_t last) {
  const LazyCheck check = guard();
  for (uint64_t row = first; row < last; ++row) {
    // By words: this runs before every exact scan.
    if (check.words == nullptr) return Status::Ok();
    if ((row & 63) == 0 && row + 64 <= last &&
        check.words[row >> 6].load(std::memory_order_acquire) == ~uint64_t{0}) {
      row += 63;
      continue;
    }
    if (Exiting()) return ExitingStatus();
    if (!check.Ok(row)) {
      return Status(StatusCode::kFileCorrupt, file_.path() + ": the bytes of row " +
                                                  std::to_string(row) +
                                                  " do not match their checksum");
    }
  }
  return Status::Ok();
}

void RowStore::Recheck(std::vector<std::string>* problems) {
  if (in_memory()) return;
  const uint64_t rows = count();
  for (uint64_t row = 0; row < rows && !Exiting();) {
    Extent extent;
    {
      const std::lock_guard<std::mutex> lock(extents_mutex_);
      extent = extents_.Of(row);
    }
    // Promoted copies tell nothing about the file.
    if (!(OffsetOf(row) < bytes_.promoted() ? ExtentOfFileMatches(extent)
                                            : ExtentMatches(extent))) {
      problems->push_back(file_.path() + ": rows " + std::to_string(extent.first_row) + " to " +
                          std::to_string(extent.first_row + extent.rows - 1) +
                          " do not match their checksum");
    }
    row = extent.first_row + extent.rows;
  }
}

Status RowStore::FindFlaw(const Extents& extents, uint64_t first, Flaw* out) const {
  *out = Flaw{};
  std::vector<unsigned char> bytes;
  for (uint64_t row = first; row < extents.rows();) {
    if (Exiting()) return ExitingStatus();
    const Extent extent = extents.Of(row);
    row = extent.first_row + extent.rows;
    bytes.resize(OffsetOf(extent.rows));
    size_t got = 0;
    SL_RETURN_IF_ERROR(
        file_.ReadSome(OffsetOf(extent.first_row), bytes.data(), bytes.size(), &got));
    if (got == bytes.size() && CrcMatches(Crc32c(bytes.data(), got), extent.crc)) continue;
    out->whole = false;
    out->first_row = extent.first_row;
    out->written = got / OffsetOf(1);
    // Reserved space that was not written reads as zeros.
    for (uint64_t i = 0; i < out->written; ++i) {
      const uint64_t offset = OffsetOf(extent.first_row + i);
      if (IsUnwritten(bytes.data() + OffsetOf(i), offset, OffsetOf(1))) out->written = i;
    }
    out->missing = out->written < extent.rows;
    return Status::Ok();
  }
  return Status::Ok();
}

Status RowStore::ChecksumOfFile(uint64_t first, uint64_t rows, uint32_t* crc) const {
  std::vector<unsigned char> bytes(OffsetOf(rows));
  SL_RETURN_IF_ERROR(file_.ReadAt(OffsetOf(first), bytes.data(), bytes.size()));
  *crc = Crc32c(bytes.data(), bytes.size());
  return Status::Ok();
}

Status RowStore::CopyTo(const FileLocation& location) {
  const uint64_t rows = count();
  SL_RETURN_IF_ERROR(EnsureTrusted(0, rows));
  File copy;
  SL_RETURN_IF_ERROR(File::Open(location, OpenMode::kCreateNew, &copy));
  SL_RETURN_IF_ERROR(copy.Allocate(OffsetOf(rows)));
  for (uint64_t row = 0; row < rows; row += kRowsPerCopy) {
    if (Exiting()) return ExitingStatus();
    const uint64_t part = std::min<uint64_t>(kRowsPerCopy, rows - row);
    SL_RETURN_IF_ERROR(copy.WriteAt(OffsetOf(row), bytes_.data() + OffsetOf(row), OffsetOf(part)));
  }
  SL_RETURN_IF_ERROR(CheckCut());
  SL_RETURN_IF_ERROR(copy.Sync());
  return copy.Close();
}

Status RowStore::FileBytes(uint64_t* out) const {
  *out = 0;
  return in_memory() ? Status::Ok() : file_.Size(out);
}

void RowStore::Close() {
  bytes_ = ReservedRange();
  trusted_ = GrowingArray<std::atomic<uint64_t>>();
  file_ = File();
}

}  // namespace sightline
