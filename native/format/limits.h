// Limits that files, arguments and memory share.
#ifndef SIGHTLINE_FORMAT_LIMITS_H_
#define SIGHTLINE_FORMAT_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace sightline {

inline constexpr uint32_t kMaxDim = 8192;
inline constexpr uint32_t kMinM = 2;
inline constexpr uint32_t kMaxM = 128;
inline constexpr uint32_t kMaxEf = 10000;
inline constexpr uint32_t kMaxK = 10000;
inline constexpr uint32_t kMaxLevel = 32;
inline constexpr size_t kMaxLabelBytes = 255;
// Rows of one index. Below 2^31, because the candidate pool keeps a flag in a row number's top bit.
inline constexpr uint64_t kMaxRows = uint64_t{1} << 28;
inline constexpr uint32_t kNoRow = 0xffffffffu;
// A row's payload: 1 MiB of metadata, and a string key. Below 2^21, see PayloadTable.
inline constexpr uint32_t kMaxPayloadBytes = (uint32_t{1} << 20) + 2048;

}  // namespace sightline

#endif  // SIGHTLINE_FORMAT_LIMITS_H_
