#include "format/log_format.h"

#include <cstring>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/limits.h"

namespace sightline {
namespace {

constexpr uint32_t kRecordMagic = 0x31434c53;
constexpr unsigned char kPadding = 0xff;
constexpr size_t kSector = 512;
constexpr size_t kCrcOffset = 56;
constexpr size_t kHeadCrcOffset = 60;
constexpr size_t kLabelOffset = 96;
constexpr size_t kLabelRoom = 256;
constexpr size_t kCompactionsOffset = kLabelOffset + kLabelRoom;
constexpr size_t kReservedOffset = kCompactionsOffset + 4;
constexpr size_t kHeaderCrcOffset = kLogPage - 4;

Status Corrupt(const std::string& name, const std::string& what) {
  return Status(StatusCode::kFileCorrupt, name + ": " + what);
}

uint64_t ExtentsOf(uint64_t rows, uint32_t rows_per_extent) {
  return (rows + rows_per_extent - 1) / rows_per_extent;
}

// Padded so that the last byte is always padding.
size_t PaddedLength(uint64_t payload) {
  return (kLogRecordHeader + payload + 1 + kLogPage - 1) / kLogPage * kLogPage;
}

uint32_t RecordCrc(const unsigned char* bytes, size_t length) {
  const unsigned char zeros[8] = {};
  uint32_t crc = Crc32c(bytes, kCrcOffset);
  crc = Crc32c(zeros, sizeof(zeros), crc);
  return Crc32c(bytes + kLogRecordHeader, length - kLogRecordHeader, crc);
}

// A complete record has neither an all-zero sector nor a zero at its end, so what has one was not
// written to its end (see FORMAT.md, "Reading the log").
RecordState TornOrDamaged(const unsigned char* bytes, size_t size) {
  if (size < kLogPage || bytes[size - 1] == 0) return RecordState::kTorn;
  for (size_t at = 0; at + kSector <= size; at += kSector) {
    if (AllBytesAre(bytes + at, kSector, 0)) return RecordState::kTorn;
  }
  return RecordState::kDamaged;
}

}  // namespace

Status CheckParameters(const IndexParameters& p) {
  const auto outside = [](const char* name, uint64_t value, uint64_t low, uint64_t high) {
    return Status(StatusCode::kInvalidRange,
                  std::string(name) + " must be from " + std::to_string(low) + " to " +
                      std::to_string(high) + ", received " + std::to_string(value));
  };
  if (p.dim < 1 || p.dim > kMaxDim) return outside("dim", p.dim, 1, kMaxDim);
  if (static_cast<uint32_t>(p.metric) > 2) {
    return outside("metric", static_cast<uint32_t>(p.metric), 0, 2);
  }
  if (p.m < kMinM || p.m > kMaxM) return outside("M", p.m, kMinM, kMaxM);
  if (p.ef_construction < 1 || p.ef_construction > kMaxEf) {
    return outside("efConstruction", p.ef_construction, 1, kMaxEf);
  }
  if (p.label.size() > kMaxLabelBytes) {
    return outside("bytes of the label", p.label.size(), 0, kMaxLabelBytes);
  }
  return Status::Ok();
}

std::vector<unsigned char> EncodeLogHeader(const IndexParameters& p, const Uuid& uuid) {
  std::vector<unsigned char> bytes(kLogPage);
  unsigned char* b = bytes.data();
  PutFileHeader(kLogMagic, b);
  std::memcpy(b + 40, uuid.data(), uuid.size());
  PutLe<uint32_t>(b, 56, p.dim);
  PutLe<uint32_t>(b, 60, static_cast<uint32_t>(p.metric));
  PutLe<uint32_t>(b, 64, 0);
  PutLe<uint32_t>(b, 68, p.unit_rows() ? 1 : 0);
  PutLe<uint32_t>(b, 72, p.m);
  PutLe<uint32_t>(b, 76, p.ef_construction);
  PutLe<uint64_t>(b, 80, p.seed);
  PutLe<uint32_t>(b, 88, p.rows_per_extent());
  PutLe<uint32_t>(b, 92, static_cast<uint32_t>(p.label.size()));
  std::memcpy(b + kLabelOffset, p.label.data(), p.label.size());
  PutLe<uint32_t>(b, kCompactionsOffset, p.compactions);
  PutLe<uint32_t>(b, kHeaderCrcOffset, Crc32c(b, kHeaderCrcOffset));
  return bytes;
}

Status DecodeLogHeader(const unsigned char* b, const std::string& name, IndexParameters* parameters,
                       Uuid* uuid, uint32_t* crc, bool* read_only) {
  SL_RETURN_IF_ERROR(CheckFileHeader(kLogMagic, b, name, read_only));
  *crc = GetLe<uint32_t>(b, kHeaderCrcOffset);
  if (!CrcMatches(Crc32c(b, kHeaderCrcOffset), *crc))
    return Corrupt(name, "the header's checksum is wrong");
  IndexParameters p;
  p.dim = GetLe<uint32_t>(b, 56);
  p.metric = static_cast<Metric>(GetLe<uint32_t>(b, 60));
  p.m = GetLe<uint32_t>(b, 72);
  p.ef_construction = GetLe<uint32_t>(b, 76);
  p.seed = GetLe<uint64_t>(b, 80);
  p.compactions = GetLe<uint32_t>(b, kCompactionsOffset);
  const uint32_t label = GetLe<uint32_t>(b, 92);
  if (label > kMaxLabelBytes) return Corrupt(name, "label of " + std::to_string(label) + " bytes");
  p.label.assign(reinterpret_cast<const char*>(b + kLabelOffset), label);
  const Status checked = CheckParameters(p);
  if (!checked.ok()) return Corrupt(name, checked.message());
  if (GetLe<uint32_t>(b, 64) != 0 || GetLe<uint32_t>(b, 68) != (p.unit_rows() ? 1u : 0u) ||
      GetLe<uint32_t>(b, 88) != p.rows_per_extent() ||
      !AllBytesAre(b + kLabelOffset + label, kLabelRoom - label, 0) ||
      !AllBytesAre(b + kReservedOffset, kHeaderCrcOffset - kReservedOffset, 0)) {
    return Corrupt(name, "a field of the header has a value that this version never writes");
  }
  std::memcpy(uuid->data(), b + 40, uuid->size());
  *parameters = p;
  return Status::Ok();
}

std::vector<unsigned char> EncodeRecord(LogRecord* record) {
  const size_t payload =
      record->keys.size() * 8 + record->crcs.size() * 4 + record->rows.size() * 4;
  std::vector<unsigned char> bytes(PaddedLength(payload), kPadding);
  unsigned char* b = bytes.data();
  const bool append = record->type == RecordType::kAppend || record->type == RecordType::kReplace;
  PutLe<uint32_t>(b, 0, kRecordMagic);
  PutLe<uint32_t>(b, 4, static_cast<uint32_t>(record->type));
  PutLe<uint64_t>(b, 8, record->sequence);
  PutLe<uint64_t>(b, 16, bytes.size());
  PutLe<uint64_t>(b, 24, record->first_row);
  PutLe<uint64_t>(b, 32, append ? record->keys.size() : record->rows.size());
  PutLe<uint64_t>(b, 40, record->rows_after);
  PutLe<uint32_t>(b, 48, record->chain);
  PutLe<uint32_t>(b, 52, static_cast<uint32_t>(record->crcs.size()));
  unsigned char* at = b + kLogRecordHeader;
  if (!record->keys.empty()) std::memcpy(at, record->keys.data(), record->keys.size() * 8);
  at += record->keys.size() * 8;
  if (!record->crcs.empty()) std::memcpy(at, record->crcs.data(), record->crcs.size() * 4);
  at += record->crcs.size() * 4;
  if (!record->rows.empty()) std::memcpy(at, record->rows.data(), record->rows.size() * 4);
  record->crc = RecordCrc(b, bytes.size());
  PutLe<uint32_t>(b, kCrcOffset, record->crc);
  PutLe<uint32_t>(b, kHeadCrcOffset, Crc32c(b, kHeadCrcOffset));
  return bytes;
}

RecordState DecodeRecord(const unsigned char* b, size_t available, uint32_t rows_per_extent,
                         LogRecord* record, size_t* length) {
  *length = 0;
  if (available < kLogPage) return RecordState::kTorn;
  if (!CrcMatches(Crc32c(b, kHeadCrcOffset), GetLe<uint32_t>(b, kHeadCrcOffset))) {
    return TornOrDamaged(b, available);
  }
  const uint32_t type = GetLe<uint32_t>(b, 4);
  const uint64_t count = GetLe<uint64_t>(b, 32);
  const uint32_t extents = GetLe<uint32_t>(b, 52);
  if (GetLe<uint32_t>(b, 0) != kRecordMagic || type < 1 || type > 4 || count > kMaxRows) {
    return RecordState::kDamaged;
  }
  const bool replace = type == static_cast<uint32_t>(RecordType::kReplace);
  const bool append = replace || type == static_cast<uint32_t>(RecordType::kAppend);
  const bool rollback = type == static_cast<uint32_t>(RecordType::kRollback);
  const bool counts_fit = rollback ? count == 0 : count > 0;
  const bool extents_fit = append     ? extents == ExtentsOf(count, rows_per_extent)
                           : rollback ? extents <= 1
                                      : extents == 0;
  if (!counts_fit || !extents_fit) return RecordState::kDamaged;
  const uint64_t payload =
      (append ? count * 8 : 0) + (append && !replace ? 0 : count * 4) + uint64_t{extents} * 4;
  const size_t expected = PaddedLength(payload);
  if (GetLe<uint64_t>(b, 16) != expected) return RecordState::kDamaged;
  *length = expected;
  if (expected > available) return RecordState::kTorn;
  record->crc = GetLe<uint32_t>(b, kCrcOffset);
  if (!CrcMatches(RecordCrc(b, expected), record->crc)) return TornOrDamaged(b, expected);

  record->type = static_cast<RecordType>(type);
  record->sequence = GetLe<uint64_t>(b, 8);
  record->first_row = GetLe<uint64_t>(b, 24);
  record->rows_after = GetLe<uint64_t>(b, 40);
  record->chain = GetLe<uint32_t>(b, 48);
  record->keys.resize(append ? count : 0);
  record->crcs.resize(extents);
  record->rows.resize(append && !replace ? 0 : count);
  const unsigned char* at = b + kLogRecordHeader;
  if (append) std::memcpy(record->keys.data(), at, count * 8);
  at += record->keys.size() * 8;
  if (extents > 0) std::memcpy(record->crcs.data(), at, size_t{extents} * 4);
  at += size_t{extents} * 4;
  if (!record->rows.empty()) std::memcpy(record->rows.data(), at, count * 4);
  return RecordState::kValid;
}

bool HoldsLaterRecord(const unsigned char* bytes, size_t size, uint32_t rows_per_extent,
                      uint64_t sequence) {
  LogRecord record;
  size_t length = 0;
  uint64_t summed = 0;
  for (size_t at = 0; at + kLogPage <= size; at += kLogPage) {
    if (GetLe<uint32_t>(bytes, at) != kRecordMagic) continue;
    if (DecodeRecord(bytes + at, size - at, rows_per_extent, &record, &length) ==
            RecordState::kValid &&
        record.sequence > sequence) {
      return true;
    }
    // A sound head on every page, each over all the rest of the file, is no crash; to sum them all
    // would take hours for a large file.
    if (length <= size - at) summed += length;
    if (summed > 4 * uint64_t{size}) return true;
  }
  return false;
}

}  // namespace sightline
