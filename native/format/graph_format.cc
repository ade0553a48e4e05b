#include "format/graph_format.h"

#include <cstring>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/limits.h"

namespace sightline {
namespace {

constexpr size_t kReserved = 120;
constexpr size_t kCrcOffset = kGraphBlock - 4;

uint64_t Padded(uint64_t bytes) { return (bytes + kGraphBlock - 1) / kGraphBlock * kGraphBlock; }

}  // namespace

GraphLayout LayoutOf(const GraphHeader& header) {
  GraphLayout layout;
  layout.base_bytes = Padded(header.nodes * 8 * header.m);
  layout.upper_offset = layout.base_offset + layout.base_bytes;
  layout.upper_bytes = Padded(header.upper_lists * 4 * header.m);
  layout.table_offset = layout.upper_offset + layout.upper_bytes;
  layout.table_bytes = Padded(layout.blocks() * 4);
  layout.file_bytes = layout.table_offset + layout.table_bytes;
  return layout;
}

std::vector<unsigned char> EncodeGraphHeader(const GraphHeader& h) {
  std::vector<unsigned char> bytes(kGraphBlock);
  unsigned char* b = bytes.data();
  PutFileHeader(kGraphMagic, b);
  std::memcpy(b + 40, h.uuid.data(), h.uuid.size());
  PutLe<uint64_t>(b, 56, h.sequence);
  PutLe<uint32_t>(b, 64, h.chain);
  PutLe<uint32_t>(b, 68, h.m);
  PutLe<uint64_t>(b, 72, h.seed);
  PutLe<uint64_t>(b, 80, h.nodes);
  PutLe<uint32_t>(b, 88, h.entry);
  PutLe<uint32_t>(b, 92, h.max_level);
  PutLe<uint64_t>(b, 96, h.upper_lists);
  PutLe<uint64_t>(b, 104, LayoutOf(h).file_bytes);
  PutLe<uint32_t>(b, 112, h.upper_crc);
  PutLe<uint32_t>(b, 116, h.table_crc);
  PutLe<uint32_t>(b, kCrcOffset, Crc32c(b, kCrcOffset));
  return bytes;
}

Status DecodeGraphHeader(const unsigned char* b, uint64_t file_bytes, const std::string& name,
                         GraphHeader* header) {
  bool read_only = false;
  SL_RETURN_IF_ERROR(CheckFileHeader(kGraphMagic, b, name, &read_only));
  if (!CrcMatches(Crc32c(b, kCrcOffset), GetLe<uint32_t>(b, kCrcOffset))) {
    return Corrupt(name, "the header's checksum is wrong");
  }
  GraphHeader h;
  std::memcpy(h.uuid.data(), b + 40, h.uuid.size());
  h.sequence = GetLe<uint64_t>(b, 56);
  h.chain = GetLe<uint32_t>(b, 64);
  h.m = GetLe<uint32_t>(b, 68);
  h.seed = GetLe<uint64_t>(b, 72);
  h.nodes = GetLe<uint64_t>(b, 80);
  h.entry = GetLe<uint32_t>(b, 88);
  h.max_level = GetLe<uint32_t>(b, 92);
  h.upper_lists = GetLe<uint64_t>(b, 96);
  h.upper_crc = GetLe<uint32_t>(b, 112);
  h.table_crc = GetLe<uint32_t>(b, 116);
  // Bounded before anything is computed from them, so that no product below can wrap.
  if (h.m < kMinM || h.m > kMaxM || h.nodes > kMaxRows || h.max_level > kMaxLevel ||
      h.upper_lists > h.nodes * kMaxLevel) {
    return Corrupt(name, "a count of the header is out of range");
  }
  const bool entry_fits = h.nodes == 0 ? h.entry == kNoRow && h.max_level == 0 : h.entry < h.nodes;
  if (!entry_fits) return Corrupt(name, "entry point " + std::to_string(h.entry));
  if (!AllBytesAre(b + kReserved, kCrcOffset - kReserved, 0)) {
    return Corrupt(name, "reserved bytes are not zero");
  }
  const uint64_t expected = LayoutOf(h).file_bytes;
  if (expected != GetLe<uint64_t>(b, 104) || expected != file_bytes) {
    return Corrupt(name, "has " + std::to_string(file_bytes) + " bytes, its header says " +
                             std::to_string(expected));
  }
  *header = h;
  return Status::Ok();
}

}  // namespace sightline
