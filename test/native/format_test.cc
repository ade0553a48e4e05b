// Bytes of the commit log and of the graph snapshot: round trips, and every way to be wrong.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/rng.h"
#include "format/graph_format.h"
#include "format/limits.h"
#include "format/log_format.h"
#include "runner.h"

namespace sightline {
namespace {

constexpr uint32_t kRowsPerExtent = 8;

IndexParameters Sample() {
  IndexParameters p;
  p.dim = 512;
  p.label = "a model";
  p.compactions = 3;
  p.payloads = true;
  p.key_type = 1;
  return p;
}

LogRecord Append(uint64_t sequence, size_t rows) {
  LogRecord record;
  record.sequence = sequence;
  record.first_row = 100;
  record.rows_after = 100 + rows;
  record.chain = 77;
  for (size_t i = 0; i < rows; ++i) record.keys.push_back(static_cast<int64_t>(i * 3) - 5);
  for (size_t i = 0; i < rows; i += kRowsPerExtent) record.crcs.push_back(0);
  return record;
}

RecordState Decode(const std::vector<unsigned char>& bytes, LogRecord* record, size_t* length) {
  return DecodeRecord(bytes.data(), bytes.size(), kRowsPerExtent, record, length);
}

}  // namespace

SL_TEST(log_header_round_trip_and_every_flipped_bit) {
  const Uuid uuid = {1, 2, 3, 255};
  const std::vector<unsigned char> bytes = EncodeLogHeader(Sample(), uuid);
  CHECK_EQ(bytes.size(), kLogPage);
  IndexParameters p;
  Uuid read{};
  uint32_t crc = 0;
  bool read_only = true;
  CHECK_OK(DecodeLogHeader(bytes.data(), "log", &p, &read, &crc, &read_only));
  CHECK(read == uuid && p.dim == 512 && p.label == "a model" && p.m == 16 && p.compactions == 3 &&
        p.payloads && p.key_type == 1 && !read_only);
  for (size_t bit = 0; bit < kLogPage * 8; ++bit) {
    std::vector<unsigned char> flipped = bytes;
    flipped[bit / 8] ^= static_cast<unsigned char>(1u << (bit % 8));
    const Status status = DecodeLogHeader(flipped.data(), "log", &p, &read, &crc, &read_only);
    CHECK(status.code() == StatusCode::kFileCorrupt || status.code() == StatusCode::kFileVersion);
  }
}

SL_TEST(log_record_round_trip) {
  for (const size_t rows : {1u, 7u, 8u, 9u, 500u, 5000u}) {
    LogRecord record = Append(3, rows);
    const std::vector<unsigned char> bytes = EncodeRecord(&record);
    CHECK_EQ(bytes.size() % kLogPage, 0u);
    LogRecord read;
    size_t length = 0;
    CHECK(Decode(bytes, &read, &length) == RecordState::kValid);
    CHECK_EQ(length, bytes.size());
    CHECK(read.keys == record.keys && read.crcs == record.crcs && read.crc == record.crc);
    CHECK(read.sequence == 3 && read.first_row == 100 && read.rows_after == 100 + rows);
  }
  LogRecord remove;
  remove.type = RecordType::kRemove;
  remove.rows = {0, 5, 9};
  LogRecord rollback;
  rollback.type = RecordType::kRollback;
  rollback.first_row = rollback.rows_after = 4;
  rollback.crcs = {123};
  LogRecord replace = Append(4, 9);
  replace.type = RecordType::kReplace;
  replace.rows = {0, 5, kNoRow, 7, 8, 9, 10, 11, 12};
  for (LogRecord* record : {&remove, &rollback, &replace}) {
    LogRecord read;
    size_t length = 0;
    CHECK(Decode(EncodeRecord(record), &read, &length) == RecordState::kValid);
    CHECK(read.type == record->type && read.rows == record->rows && read.crcs == record->crcs);
    CHECK(read.keys == record->keys);
  }
}

SL_TEST(log_record_with_payloads_round_trip_cut_and_flipped) {
  LogRecord append = Append(2, 40);
  LogRecord replace = Append(3, 40);
  replace.type = RecordType::kReplace;
  LogRecord payloads;
  payloads.type = RecordType::kPayloads;
  payloads.rows_after = 140;
  for (uint32_t row = 0; row < 40; ++row) {
    replace.rows.push_back(row);
    payloads.rows.push_back(row);
  }
  for (LogRecord* record : {&append, &replace, &payloads}) {
    for (uint32_t i = 0; i < 40; ++i) {
      record->payloads.lengths.push_back(i * 7 % 40);
      record->payloads.bytes.insert(record->payloads.bytes.end(), i * 7 % 40, 'x');
    }
    const std::vector<unsigned char> bytes = EncodeRecord(record);
    LogRecord read;
    size_t length = 0;
    CHECK(Decode(bytes, &read, &length) == RecordState::kValid);
    CHECK(read.type == record->type && read.keys == record->keys && read.rows == record->rows);
    CHECK(read.crcs == record->crcs && read.first_row == record->first_row);
    CHECK(read.payloads.lengths == record->payloads.lengths);
    CHECK(read.payloads.bytes == record->payloads.bytes);
    const Payloads some = read.payloads.First(9);
    CHECK(some.Fit(9) && some.lengths.size() == 9);
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      std::vector<unsigned char> zeros(bytes.begin(),
                                       bytes.begin() + static_cast<std::ptrdiff_t>(cut));
      zeros.resize(bytes.size(), 0);
      CHECK(Decode(zeros, &read, &length) == RecordState::kTorn);
    }
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::vector<unsigned char> flipped = bytes;
      flipped[bit / 8] ^= static_cast<unsigned char>(1u << (bit % 8));
      CHECK(Decode(flipped, &read, &length) == RecordState::kDamaged);
    }
  }
  // Sound by their checksums, and wrong: what only a hostile file holds.
  for (int wrong = 0; wrong < 3; ++wrong) {
    LogRecord record = Append(2, 40);
    record.payloads.lengths.assign(40, 5);
    record.payloads.bytes.assign(200, 'x');
    if (wrong == 0) record.payloads.lengths[3] = 6;
    if (wrong == 1) record.payloads.lengths[3] = kMaxPayloadBytes + 1;
    if (wrong == 2) record.rows_after = 39;
    LogRecord read;
    size_t length = 0;
    CHECK(Decode(EncodeRecord(&record), &read, &length) == RecordState::kDamaged);
  }
}

// Rows without a payload are no sector of zeros, which would make damage look torn.
SL_TEST(log_record_of_many_empty_payloads_has_no_sector_of_zeros) {
  LogRecord record;
  record.type = RecordType::kPayloads;
  for (uint32_t row = 1; row < 2000; ++row) record.rows.push_back(row);
  record.payloads.lengths.assign(record.rows.size(), 0);
  std::vector<unsigned char> bytes = EncodeRecord(&record);
  bytes[kLogRecordHeader] ^= 1;
  LogRecord read;
  size_t length = 0;
  CHECK(Decode(bytes, &read, &length) == RecordState::kDamaged);
}

// A cut anywhere is torn, a flipped bit anywhere is damage: the two are never taken for each other,
// or a damaged acknowledged commit would be dropped in silence.
SL_TEST(log_record_cut_is_torn_and_flip_is_damaged) {
  LogRecord record = Append(1, 400);
  record.type = RecordType::kReplace;  // the one with all three parts
  for (uint32_t row = 0; row < 400; ++row) record.rows.push_back(row);
  const std::vector<unsigned char> bytes = EncodeRecord(&record);
  CHECK_EQ(bytes.size(), 2 * kLogPage);
  LogRecord read;
  size_t length = 0;
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    const std::vector<unsigned char> shorter(bytes.begin(),
                                             bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    CHECK(Decode(shorter, &read, &length) == RecordState::kTorn);
    // The file's size was already set, the bytes never came.
    std::vector<unsigned char> zeros = shorter;
    zeros.resize(bytes.size(), 0);
    CHECK(Decode(zeros, &read, &length) == RecordState::kTorn);
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::vector<unsigned char> flipped = bytes;
    flipped[bit / 8] ^= static_cast<unsigned char>(1u << (bit % 8));
    CHECK(Decode(flipped, &read, &length) == RecordState::kDamaged);
  }
  // A sector that never came.
  for (size_t at = 0; at < bytes.size(); at += 512) {
    std::vector<unsigned char> hole = bytes;
    std::memset(hole.data() + at, 0, 512);
    CHECK(Decode(hole, &read, &length) == RecordState::kTorn);
  }
}

SL_TEST(log_later_record_is_found_behind_damage) {
  LogRecord first = Append(1, 3);
  LogRecord second = Append(2, 3);
  std::vector<unsigned char> bytes = EncodeRecord(&first);
  const std::vector<unsigned char> more = EncodeRecord(&second);
  bytes.insert(bytes.end(), more.begin(), more.end());
  CHECK(HoldsLaterRecord(bytes.data(), bytes.size(), kRowsPerExtent, 1));
  CHECK(!HoldsLaterRecord(bytes.data(), bytes.size(), kRowsPerExtent, 2));
  CHECK(!HoldsLaterRecord(bytes.data(), kLogPage, kRowsPerExtent, 1));
}

SL_TEST(log_of_overlapping_heads_is_damage_and_is_not_summed_over_and_over) {
  constexpr size_t kPages = 64;
  std::vector<unsigned char> bytes(kPages * kLogPage, 0xee);
  for (size_t page = 0; page < kPages; ++page) {
    LogRecord record;
    record.type = RecordType::kAppend;
    record.sequence = 5;
    // As long as the rest of the file; one extent.
    record.keys.resize(((kPages - page) * kLogPage - kLogRecordHeader - 5) / 8);
    record.crcs.resize(1);
    const std::vector<unsigned char> whole = EncodeRecord(&record);
    std::copy_n(whole.begin(), kLogRecordHeader,
                bytes.begin() + static_cast<ptrdiff_t>(page * kLogPage));
  }
  CHECK(HoldsLaterRecord(bytes.data(), bytes.size(), 1 << 28, 3));
  // A few may be what is left of records that were not written to their end.
  std::fill(bytes.begin() + 3 * kLogPage, bytes.end(), 0);
  CHECK(!HoldsLaterRecord(bytes.data(), bytes.size(), 1 << 28, 3));
}

SL_TEST(log_random_bytes_are_never_valid_and_never_read_out_of_bounds) {
  Rng rng(20241121);
  LogRecord record;
  size_t length = 0;
  for (int round = 0; round < 2000; ++round) {
    // Exactly as large as said: a read past the end is a sanitizer's finding.
    std::vector<unsigned char> bytes(1 + rng.Below(3 * kLogPage));
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(rng.Next());
    CHECK(Decode(bytes, &record, &length) != RecordState::kValid);
  }
}

SL_TEST(graph_header_round_trip_and_every_flipped_bit) {
  GraphHeader h;
  h.sequence = 9;
  h.m = 16;
  h.seed = 42;
  h.nodes = 1000;
  h.entry = 7;
  h.max_level = 2;
  h.upper_lists = 70;
  const std::vector<unsigned char> bytes = EncodeGraphHeader(h);
  const uint64_t size = LayoutOf(h).file_bytes;
  GraphHeader read;
  CHECK_OK(DecodeGraphHeader(bytes.data(), size, "graph", &read));
  CHECK(read.nodes == 1000 && read.entry == 7 && read.upper_lists == 70 && read.sequence == 9);
  CHECK(!DecodeGraphHeader(bytes.data(), size + 1, "graph", &read).ok());
  CHECK(!DecodeGraphHeader(bytes.data(), size - kGraphBlock, "graph", &read).ok());
  for (size_t bit = 0; bit < kGraphBlock * 8; ++bit) {
    std::vector<unsigned char> flipped = bytes;
    flipped[bit / 8] ^= static_cast<unsigned char>(1u << (bit % 8));
    CHECK(!DecodeGraphHeader(flipped.data(), size, "graph", &read).ok());
  }
}

SL_TEST(graph_header_bombs_are_refused_although_the_checksum_is_right) {
  const auto refused = [](GraphHeader h) {
    GraphHeader read;
    const std::vector<unsigned char> bytes = EncodeGraphHeader(h);
    return !DecodeGraphHeader(bytes.data(), LayoutOf(h).file_bytes, "graph", &read).ok();
  };
  GraphHeader good;
  good.m = 16;
  good.nodes = 10;
  good.entry = 3;
  CHECK(!refused(good));
  for (const uint64_t nodes : {uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63}) {
    GraphHeader h = good;
    h.nodes = nodes;
    CHECK(refused(h));
  }
  for (const uint32_t m : {0u, 1u, 129u, 1u << 31}) {
    GraphHeader h = good;
    h.m = m;
    CHECK(refused(h));
  }
  GraphHeader h = good;
  h.entry = 10;
  CHECK(refused(h));
  h = good;
  h.max_level = 33;
  CHECK(refused(h));
  h = good;
  h.upper_lists = 10 * 32 + 1;
  CHECK(refused(h));
  h = good;
  h.nodes = 0;
  CHECK(refused(h));
}

}  // namespace sightline
