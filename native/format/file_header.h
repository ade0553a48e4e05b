// The first 40 bytes that both binary files share: magic, byte order, version, feature words.
#ifndef SIGHTLINE_FORMAT_FILE_HEADER_H_
#define SIGHTLINE_FORMAT_FILE_HEADER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/status.h"

namespace sightline {

inline constexpr uint16_t kMajorVersion = 1;
inline constexpr uint16_t kMinorVersion = 2;
inline constexpr uint32_t kByteOrder = 0x01020304;

// CR LF and ^Z show a file that went through a text-mode copy, the first byte a 7-bit one.
using Magic = std::array<unsigned char, 8>;
inline constexpr Magic kLogMagic = {0x89, 'S', 'L', 'L', '\r', '\n', 0x1a, '\n'};
inline constexpr Magic kGraphMagic = {0x89, 'S', 'L', 'G', '\r', '\n', 0x1a, '\n'};

using Uuid = std::array<unsigned char, 16>;

// kFileCorrupt, about the file `name`.
Status Corrupt(const std::string& name, const std::string& what);

// Fills bytes 0..39 of a zeroed header.
void PutFileHeader(const Magic& magic, unsigned char* bytes);

// Checks bytes 0..39. `name` is for messages.
// known                the incompatible features that the caller can read.
// read_only_features  set when a writer must leave the file alone.
// Returns  kFileCorrupt (not such a file), kFileVersion (made by a newer version).
Status CheckFileHeader(const Magic& magic, const unsigned char* bytes, const std::string& name,
                       bool* read_only_features, uint64_t known = 0);

}  // namespace sightline

#endif  // SIGHTLINE_FORMAT_FILE_HEADER_H_
