// Linear scan over rows: ground truth, and faster than the graph for small or filtered sets.
#ifndef SIGHTLINE_EXACT_EXACT_SCAN_H_
#define SIGHTLINE_EXACT_EXACT_SCAN_H_

#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "core/top_k.h"
#include "core/vector_view.h"
#include "kernels/kernels.h"

namespace sightline {

// Keeps the k rows with the smallest ordering distance, ties by smaller row.
//
// Ordering distance: cosine and dot: -dot(query, row); euclidean: squared_l2. (For cosine,
// `inverse_norms` scales rows that are not of unit length.)
//
// rows           at most 2^32 rows.
// inverse_norms  1/|row| per row for cosine, nullptr otherwise. The query is already unit length.
// allowed        bitset over rows, bit r of word r/64; nullptr allows all.
// top            emptied by the caller, holds the result.
// Threads        any number of readers at once, each with its own top.
// Exit           stops early when the process ends (platform/exiting.h); top is then incomplete.
// Cost           reads every allowed row once, at memory bandwidth.
void ExactScan(const KernelTable& kernels, Metric metric, const VectorView& rows,
               const float* inverse_norms, const float* query, const uint64_t* allowed, TopK* top);

// The same over rows [begin, end), end <= rows.count. Merging the results of several ranges
// (TopK::Merge) gives the result of one scan.
void ExactScanRange(const KernelTable& kernels, Metric metric, const VectorView& rows, size_t begin,
                    size_t end, const float* inverse_norms, const float* query,
                    const uint64_t* allowed, TopK* top);

}  // namespace sightline

#endif  // SIGHTLINE_EXACT_EXACT_SCAN_H_
