// Bytes <-> structs of the graph snapshot, hnsw_index.bin. Byte tables: docs/reference/FORMAT.md. Pure.
#ifndef SIGHTLINE_FORMAT_GRAPH_FORMAT_H_
#define SIGHTLINE_FORMAT_GRAPH_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"
#include "format/file_header.h"

namespace sightline {

// Sections start at multiples of this and it is the unit of the base section's checksums.
inline constexpr size_t kGraphBlock = 16384;

struct GraphHeader {
  Uuid uuid{};
  uint64_t sequence = 0;  // last log record when written
  uint32_t chain = 0;     // its CRC
  uint32_t m = 0;
  uint64_t seed = 0;
  uint64_t nodes = 0;
  uint32_t entry = 0xffffffffu;
  uint32_t max_level = 0;
  uint64_t upper_lists = 0;
  uint32_t upper_crc = 0;
  uint32_t table_crc = 0;
};

// Where the sections are; everything follows from nodes, upper_lists and m.
struct GraphLayout {
  uint64_t base_offset = kGraphBlock;
  uint64_t base_bytes = 0;  // padded
  uint64_t upper_offset = 0;
  uint64_t upper_bytes = 0;  // padded
  uint64_t table_offset = 0;
  uint64_t table_bytes = 0;  // padded
  uint64_t file_bytes = 0;
  uint64_t blocks() const { return base_bytes / kGraphBlock; }
};

GraphLayout LayoutOf(const GraphHeader& header);

// kGraphBlock bytes.
std::vector<unsigned char> EncodeGraphHeader(const GraphHeader& header);
// bytes  kGraphBlock of them. file_bytes: the file's size, which must be the computed one.
Status DecodeGraphHeader(const unsigned char* bytes, uint64_t file_bytes, const std::string& name,
                         GraphHeader* header);

}  // namespace sightline

#endif  // SIGHTLINE_FORMAT_GRAPH_FORMAT_H_
