#include "format/log_format.h"

#include <cstring>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/limits.h"

namespace sightline {
namespace {

// Incompatible features.
constexpr uint64_t kPayloadFeature = 1;
// On disk, kAppend and kReplace are these where they have payloads.
constexpr uint32_t kAppendWithPayloads = 5;
constexpr uint32_t kReplaceWithPayloads = 6;
// Set in the length of a payload, so that many rows without one are no sector of zeros.
constexpr uint32_t kLengthMark = uint32_t{1} << 31;
constexpr uint32_t kRecordMagic = 0x31434c53;
constexpr unsigned char kPadding = 0xff;
constexpr size_t kSector = 512;
constexpr size_t kRecordCrcOffset = 56;
constexpr size_t kHeadCrcOffset = 60;
constexpr size_t kLabelOffset = 96;
constexpr size_t kLabelRoom = 256;
constexpr size_t kCompactionsOffset = kLabelOffset + kLabelRoom;
constexpr size_t kKeyTypeOffset = kCompactionsOffset + 4;
constexpr size_t kReservedOffset = kKeyTypeOffset + 4;
constexpr size_t kHeaderCrcOffset = kLogPage - 4;

uint64_t ExtentsOf(uint64_t rows, uint32_t rows_per_extent) {
  return (rows + rows_per_extent - 1) / rows_per_extent;
}

// Padded so that the last byte is always padding.
size_t PaddedLength(uint64_t payload) {
  return (kLogRecordHeader + payload + 1 + kLogPage - 1) / kLogPage * kLogPage;
}

uint32_t RecordCrc(const unsigned char* bytes, size_t length) {
  const unsigned char zeros[8] = {};
  uint32_t crc = Crc32c(bytes, kRecordCrcOffset);
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
  if (p.key_type > (p.payloads ? 1u : 0u)) return outside("key type", p.key_type, 0, 1);
  return Status::Ok();
}

std::vector<unsigned char> EncodeLogHeader(const IndexParameters& p, const Uuid& uuid) {
  std::vector<unsigned char> bytes(kLogPage);
  unsigned char* b = bytes.data();
  PutFileHeader(kLogMagic, b);
  PutLe<uint64_t>(b, 16, p.payloads ? kPayloadFeature : 0);
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
  PutLe<uint32_t>(b, kKeyTypeOffset, p.key_type);
  PutLe<uint32_t>(b, kHeaderCrcOffset, Crc32c(b, kHeaderCrcOffset));
  return bytes;
}

Status DecodeLogHeader(const unsigned char* b, const std::string& name, IndexParameters* parameters,
                       Uuid* uuid, uint32_t* crc, bool* read_only) {
  SL_RETURN_IF_ERROR(CheckFileHeader(kLogMagic, b, name, read_only, kPayloadFeature));
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
  p.payloads = (GetLe<uint64_t>(b, 16) & kPayloadFeature) != 0;
  p.key_type = GetLe<uint32_t>(b, kKeyTypeOffset);
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

bool Payloads::Fit(uint64_t rows) const {
  uint64_t sum = 0;
  for (const uint32_t length : lengths) {
    if (length > kMaxPayloadBytes) return false;
    sum += length;
  }
  return lengths.size() == rows && sum == bytes.size();
}

Payloads Payloads::First(uint64_t rows) const {
  Payloads out;
  if (empty()) return out;
  out.lengths.assign(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(rows));
  uint64_t sum = 0;
  for (const uint32_t length : out.lengths) sum += length;
  out.bytes.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sum));
  return out;
}

std::vector<unsigned char> EncodeRecord(LogRecord* record) {
  const Payloads& payloads = record->payloads;
  const size_t payload = record->keys.size() * 8 + record->crcs.size() * 4 +
                         record->rows.size() * 4 + payloads.lengths.size() * 4 +
                         payloads.bytes.size();
  std::vector<unsigned char> bytes(PaddedLength(payload), kPadding);
  unsigned char* b = bytes.data();
  const bool append = record->type == RecordType::kAppend || record->type == RecordType::kReplace;
  uint32_t type = static_cast<uint32_t>(record->type);
  if (append && !payloads.empty()) {
    type = record->type == RecordType::kAppend ? kAppendWithPayloads : kReplaceWithPayloads;
  }
  PutLe<uint32_t>(b, 0, kRecordMagic);
  PutLe<uint32_t>(b, 4, type);
  PutLe<uint64_t>(b, 8, record->sequence);
  PutLe<uint64_t>(b, 16, bytes.size());
  // The first row follows from the other two counts.
  PutLe<uint64_t>(b, 24, payloads.empty() ? record->first_row : payloads.bytes.size());
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
  at += record->rows.size() * 4;
  for (const uint32_t length : payloads.lengths) {
    PutLe<uint32_t>(at, 0, length | kLengthMark);
    at += 4;
  }
  if (!payloads.bytes.empty()) std::memcpy(at, payloads.bytes.data(), payloads.bytes.size());
  record->crc = RecordCrc(b, bytes.size());
  PutLe<uint32_t>(b, kRecordCrcOffset, record->crc);
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
  uint32_t type = GetLe<uint32_t>(b, 4);
  const uint64_t count = GetLe<uint64_t>(b, 32);
  const uint64_t rows_after = GetLe<uint64_t>(b, 40);
  const uint32_t extents = GetLe<uint32_t>(b, 52);
  if (GetLe<uint32_t>(b, 0) != kRecordMagic || type < 1 || type > 7 || count > kMaxRows) {
    return RecordState::kDamaged;
  }
  const bool has_payloads = type > static_cast<uint32_t>(RecordType::kReplace);
  if (type == kAppendWithPayloads) type = static_cast<uint32_t>(RecordType::kAppend);
  if (type == kReplaceWithPayloads) type = static_cast<uint32_t>(RecordType::kReplace);
  const bool replace = type == static_cast<uint32_t>(RecordType::kReplace);
  const bool append = replace || type == static_cast<uint32_t>(RecordType::kAppend);
  const bool rollback = type == static_cast<uint32_t>(RecordType::kRollback);
  const bool counts_fit = rollback ? count == 0 : count > 0;
  const bool extents_fit = append     ? extents == ExtentsOf(count, rows_per_extent)
                           : rollback ? extents <= 1
                                      : extents == 0;
  if (!counts_fit || !extents_fit) return RecordState::kDamaged;
  const uint64_t payload_bytes = has_payloads ? GetLe<uint64_t>(b, 24) : 0;
  if (payload_bytes > count * kMaxPayloadBytes) return RecordState::kDamaged;
  if (append && has_payloads && rows_after < count) return RecordState::kDamaged;
  const uint64_t payload = (append ? count * 8 : 0) + (append && !replace ? 0 : count * 4) +
                           uint64_t{extents} * 4 + (has_payloads ? count * 4 : 0) + payload_bytes;
  const size_t expected = PaddedLength(payload);
  if (GetLe<uint64_t>(b, 16) != expected) return RecordState::kDamaged;
  *length = expected;
  if (expected > available) return RecordState::kTorn;
  record->crc = GetLe<uint32_t>(b, kRecordCrcOffset);
  if (!CrcMatches(RecordCrc(b, expected), record->crc)) return TornOrDamaged(b, expected);

  record->type = static_cast<RecordType>(type);
  record->sequence = GetLe<uint64_t>(b, 8);
  record->first_row = !has_payloads ? GetLe<uint64_t>(b, 24) : append ? rows_after - count : 0;
  record->rows_after = rows_after;
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
  at += record->rows.size() * 4;
  record->payloads = Payloads();
  if (!has_payloads) return RecordState::kValid;
  record->payloads.lengths.resize(count);
  for (uint32_t& one : record->payloads.lengths) {
    // Without its mark it is out of range.
    one = GetLe<uint32_t>(at, 0) ^ kLengthMark;
    at += 4;
  }
  record->payloads.bytes.assign(at, at + payload_bytes);
  return record->payloads.Fit(count) ? RecordState::kValid : RecordState::kDamaged;
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
