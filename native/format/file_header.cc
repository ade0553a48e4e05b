#include "format/file_header.h"

#include <cstring>

#include "format/bytes.h"

namespace sightline {

Status Corrupt(const std::string& name, const std::string& what) {
  return Status(StatusCode::kFileCorrupt, name + ": " + what);
}

void PutFileHeader(const Magic& magic, unsigned char* bytes) {
  std::memcpy(bytes, magic.data(), magic.size());
  PutLe<uint32_t>(bytes, 8, kByteOrder);
  PutLe<uint16_t>(bytes, 12, kMajorVersion);
  PutLe<uint16_t>(bytes, 14, kMinorVersion);
}

Status CheckFileHeader(const Magic& magic, const unsigned char* bytes, const std::string& name,
                       bool* read_only_features, uint64_t known) {
  if (std::memcmp(bytes, magic.data(), magic.size()) != 0 ||
      GetLe<uint32_t>(bytes, 8) != kByteOrder) {
    return Status(StatusCode::kFileCorrupt, name + " does not begin like a Sightline file");
  }
  const uint16_t major = GetLe<uint16_t>(bytes, 12);
  if (major != kMajorVersion) {
    return Status(StatusCode::kFileVersion, name + " has format version " + std::to_string(major) +
                                                ", this build reads version " +
                                                std::to_string(kMajorVersion));
  }
  if ((GetLe<uint64_t>(bytes, 16) & ~known) != 0) {
    return Status(StatusCode::kFileVersion, name + " uses features this build does not know");
  }
  *read_only_features = GetLe<uint64_t>(bytes, 24) != 0;
  return Status::Ok();
}

}  // namespace sightline
