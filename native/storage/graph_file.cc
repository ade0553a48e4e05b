#include "storage/graph_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "format/crc32c.h"
#include "platform/exiting.h"

namespace sightline {
namespace {

// Amortizes system calls and still fits the cache.
constexpr size_t kCopyBytes = 64 * kGraphBlock;

// Writes `bytes` of `data`, zero padded to `padded`, at *offset; returns the CRC of all and, if
// block_crcs is set, of each block.
Status WriteSection(File* file, uint64_t* offset, const unsigned char* data, uint64_t bytes,
                    uint64_t padded, uint32_t* crc, std::vector<uint32_t>* block_crcs) {
  std::vector<unsigned char> buffer(std::min<uint64_t>(padded, kCopyBytes));
  *crc = 0;
  for (uint64_t done = 0; done < padded;) {
    if (Exiting()) return ExitingStatus();
    const size_t part = static_cast<size_t>(std::min<uint64_t>(kCopyBytes, padded - done));
    const size_t real =
        static_cast<size_t>(done >= bytes ? 0 : std::min<uint64_t>(part, bytes - done));
    if (real > 0) std::memcpy(buffer.data(), data + done, real);
    std::memset(buffer.data() + real, 0, part - real);
    *crc = Crc32c(buffer.data(), part, *crc);
    if (block_crcs != nullptr) {
      for (size_t at = 0; at < part; at += kGraphBlock) {
        block_crcs->push_back(Crc32c(buffer.data() + at, kGraphBlock));
      }
    }
    SL_RETURN_IF_ERROR(file->WriteAt(*offset + done, buffer.data(), part));
    done += part;
  }
  *offset += padded;
  return Status::Ok();
}

Status WriteSnapshot(const FileLocation& location, GraphHeader header, const unsigned char* base,
                     const unsigned char* upper) {
  const GraphLayout layout = LayoutOf(header);
  File file;
  SL_RETURN_IF_ERROR(File::Open(location, OpenMode::kTruncate, &file));
  SL_RETURN_IF_ERROR(file.Allocate(layout.file_bytes));
  uint64_t offset = layout.base_offset;
  uint32_t base_crc = 0;
  std::vector<uint32_t> crcs;
  SL_RETURN_IF_ERROR(WriteSection(&file, &offset, base, header.nodes * 8 * header.m,
                                  layout.base_bytes, &base_crc, &crcs));
  SL_RETURN_IF_ERROR(WriteSection(&file, &offset, upper, header.upper_lists * 4 * header.m,
                                  layout.upper_bytes, &header.upper_crc, nullptr));
  SL_RETURN_IF_ERROR(
      WriteSection(&file, &offset, reinterpret_cast<const unsigned char*>(crcs.data()),
                   crcs.size() * sizeof(uint32_t), layout.table_bytes, &header.table_crc, nullptr));
  const std::vector<unsigned char> bytes = EncodeGraphHeader(header);
  SL_RETURN_IF_ERROR(file.WriteAt(0, bytes.data(), bytes.size()));
  SL_RETURN_IF_ERROR(file.Sync());
  return file.Close();
}

}  // namespace

Status GraphFile::Open(const FileLocation& location, GraphFile* out) {
  SL_RETURN_IF_ERROR(File::Open(location, OpenMode::kRead, &out->file_));
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(out->file_.Size(&size));
  std::vector<unsigned char> header(kGraphBlock);
  SL_RETURN_IF_ERROR(out->file_.ReadAt(0, header.data(), header.size()));
  SL_RETURN_IF_ERROR(DecodeGraphHeader(header.data(), size, location.path(), &out->header_));
  out->layout_ = LayoutOf(out->header_);
  return Status::Ok();
}

Status GraphFile::Map(ReservedRange* base, ReservedRange* upper) {
  std::vector<unsigned char> table(layout_.table_bytes);
  SL_RETURN_IF_ERROR(file_.ReadAt(layout_.table_offset, table.data(), table.size()));
  if (!CrcMatches(Crc32c(table.data(), table.size()), header_.table_crc)) {
    return Status(StatusCode::kFileCorrupt, path() + ": the block table's checksum is wrong");
  }
  crcs_.resize(layout_.blocks());
  if (!crcs_.empty()) std::memcpy(crcs_.data(), table.data(), crcs_.size() * sizeof(uint32_t));
  checked_ = std::vector<std::atomic<uint64_t>>(crcs_.size() / 64 + 1);

  SL_RETURN_IF_ERROR(upper->Commit(layout_.upper_bytes));
  SL_RETURN_IF_ERROR(file_.ReadAt(layout_.upper_offset, upper->data(), layout_.upper_bytes));
  if (!CrcMatches(Crc32c(upper->data(), layout_.upper_bytes), header_.upper_crc)) {
    return Status(StatusCode::kFileCorrupt, path() + ": the upper lists' checksum is wrong");
  }
  SL_RETURN_IF_ERROR(base->MapFileCopy(file_, layout_.base_offset, layout_.base_bytes));
  base_ = base->data();
  // The mapping does not need it.
  return file_.Close();
}

LazyCheck GraphFile::guard() { return LazyCheck{checked_.data(), &GraphFile::CheckBlock, this}; }

bool GraphFile::CheckBlock(void* self, size_t block) {
  GraphFile& file = *static_cast<GraphFile*>(self);
  // One at a time, so that no block is checked twice.
  const std::lock_guard<std::mutex> lock(file.mutex_);
  const uint64_t bit = uint64_t{1} << (block & 63);
  if ((file.checked_[block >> 6].load(std::memory_order_acquire) & bit) != 0) return true;
  const uint32_t crc = Crc32c(file.base_ + block * kGraphBlock, kGraphBlock);
  if (!CrcMatches(crc, file.crcs_[block])) return false;
  file.checked_[block >> 6].fetch_or(bit, std::memory_order_release);
  return true;
}

Status GraphFile::CheckAll() {
  for (size_t block = 0; block < crcs_.size(); ++block) {
    if (Exiting()) return ExitingStatus();
    if (!guard().Ok(block)) {
      return Status(StatusCode::kFileCorrupt, path() + ": block " + std::to_string(block) +
                                                  " of the base section is damaged");
    }
  }
  return Status::Ok();
}

Status WriteGraphFile(const FileLocation& location, const GraphHeader& header,
                      const ReservedRange& base, const ReservedRange& upper, FileStamp* written) {
  const FileLocation beside = location.With(".tmp");
  Status status = WriteSnapshot(beside, header, base.data(), upper.data());
  if (status.ok() && base.Cut()) {
    status = Status(StatusCode::kFileCorrupt, location.path() + " lost links while it was in use");
  }
  if (status.ok()) status = StampOf(beside, written);
  if (status.ok()) status = RenameDurable(beside, location);
  // Frees space on a full disk.
  if (!status.ok()) (void)RemoveFile(beside);
  return status;
}

}  // namespace sightline
