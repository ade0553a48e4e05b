// Names of the files in the folder of an index; what they hold is in docs/FORMAT.md.
#ifndef SIGHTLINE_INDEX_NAMES_H_
#define SIGHTLINE_INDEX_NAMES_H_

namespace sightline {

inline constexpr char kRowsName[] = "embeddings.dat";
inline constexpr char kLogName[] = "embeddings.idx";
inline constexpr char kGraphName[] = "hnsw_index.bin";
inline constexpr char kLockName[] = "LOCK";
inline constexpr char kCompactName[] = "compact.tmp";

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_NAMES_H_
