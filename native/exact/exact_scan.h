// Linear scan over rows: ground truth, and the better answer for small or filtered sets.
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
// Ordering distance: cosine and dot: -dot(query, row); euclidean: squared_l2. (Rows of a cosine
// index are stored as given and `inverse_norms` scales them; see below.)
//
// rows           at most 2^32 rows.
// inverse_norms  1/|row| per row for cosine, nullptr otherwise. The query is already unit length.
// allowed        bitset over rows, bit r of word r/64; nullptr allows all.
// top            emptied by the caller, holds the result.
// Threads        any number of readers at once, each with its own top.
// Exit           stops early when the process ends (platform/exiting.h): then top is not the
// answer. Cost           reads every allowed row once, at the rate memory delivers it.
void ExactScan(const KernelTable& kernels, Metric metric, const VectorView& rows,
               const float* inverse_norms, const float* query, const uint64_t* allowed, TopK* top);

// The same over rows [begin, end), end <= rows.count, keeping their numbers in the whole view:
// split a scan into any ranges, one thread each, and TopK::Merge gives what one scan would.
void ExactScanRange(const KernelTable& kernels, Metric metric, const VectorView& rows, size_t begin,
                    size_t end, const float* inverse_norms, const float* query,
                    const uint64_t* allowed, TopK* top);

}  // namespace sightline

#endif  // SIGHTLINE_EXACT_EXACT_SCAN_H_
