// Fuzz target: the headers of both files. What one accepts, it must write back byte for byte (but
// for fields this version does not keep).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "format/bytes.h"
#include "format/graph_format.h"
#include "format/log_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sightline;
  // The rest of a header is zeros: a fuzzer should not have to write them.
  std::vector<unsigned char> bytes(data, data + size);
  bytes.resize(std::max(kGraphBlock, size));
  bool read_only = false;
  (void)CheckFileHeader(kLogMagic, bytes.data(), "fuzz", &read_only);

  IndexParameters parameters;
  Uuid uuid;
  uint32_t crc = 0;
  if (DecodeLogHeader(bytes.data(), "fuzz", &parameters, &uuid, &crc, &read_only).ok()) {
    if (!CheckParameters(parameters).ok()) std::abort();
    const std::vector<unsigned char> again = EncodeLogHeader(parameters, uuid);
    if (!std::equal(again.begin() + 40, again.end() - 4, bytes.begin() + 40)) std::abort();
  }

  GraphHeader header;
  // The file is as long as it says, so that the other checks are reached.
  const uint64_t length = GetLe<uint64_t>(bytes.data(), 104);
  if (DecodeGraphHeader(bytes.data(), length, "fuzz", &header).ok()) {
    const GraphLayout layout = LayoutOf(header);
    if (layout.file_bytes != length || layout.table_offset > length) std::abort();
    const std::vector<unsigned char> again = EncodeGraphHeader(header);
    if (!std::equal(again.begin() + 40, again.end() - 4, bytes.begin() + 40)) std::abort();
  }
  return 0;
}
