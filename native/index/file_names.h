// Names of the files of an index.
#ifndef SIGHTLINE_INDEX_FILE_NAMES_H_
#define SIGHTLINE_INDEX_FILE_NAMES_H_

#include <cstdint>
#include <string>

namespace sightline {

inline constexpr char kRowsName[] = "embeddings.dat";
inline constexpr char kLogName[] = "embeddings.idx";
inline constexpr char kGraphName[] = "hnsw_index.bin";
inline constexpr char kLockName[] = "LOCK";
inline constexpr char kCompactName[] = "compact.tmp";  // a folder, see compact.cc
// The rows of compaction number `n` until they are renamed.
inline std::string RowsOnTheWay(uint32_t n) { return "embeddings.dat." + std::to_string(n); }

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_FILE_NAMES_H_
