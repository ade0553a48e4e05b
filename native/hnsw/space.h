// The graph's view of vectors: rows, distances, and whether a row's bytes may be trusted.
#ifndef SIGHTLINE_HNSW_SPACE_H_
#define SIGHTLINE_HNSW_SPACE_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "codes/row_codes.h"
#include "core/lazy_check.h"
#include "core/live_rows.h"
#include "core/vector_view.h"
#include "kernels/kernels.h"

namespace sightline {

// Distances here order rows and are not those of the facade: -dot for cosine (unit rows) and dot,
// the squared distance for euclidean. The same values as ExactScan's, bit for bit.
struct Space {
  VectorView rows;
  const KernelTable* kernels = nullptr;
  Metric metric = Metric::kCosine;
  LazyCheck guard;
  // Set for a walk on estimates: all distances are those from the prepared query, by codes of rows
  // that were checked.
  const RowCodes* codes = nullptr;
  QueryCode* query_code = nullptr;
  // Removed rows take no place in lists of candidates, and new nodes do not link to them.
  LiveRows live;
  // Excludes only rows that no search may find any more: their links may be replaced.
  LiveRows kept;

  const float* row(uint32_t r) const { return rows.row(r); }
  bool Trusted(uint32_t r) const { return codes != nullptr || guard.Ok(r); }

  // Prefetches what Distances reads of row r.
  void Fetch(uint32_t r) const {
    if (codes != nullptr) codes->Fetch(r);
  }

  float Distance(const float* a, const float* b) const {
    return Ordered(metric == Metric::kEuclidean ? kernels->squared_l2(a, b, rows.dim)
                                                : -kernels->dot(a, b, rows.dim));
  }
  // out[i]: distance of `query` to row ids[i].
  void Distances(const float* query, const uint32_t* ids, size_t n, float* out) const {
    if (codes != nullptr) {
      codes->Estimate(query_code, ids, 0, n, out);
      return;
    }
    if (metric == Metric::kEuclidean) {
      kernels->squared_l2_many(query, rows.base, rows.stride, ids, n, rows.dim, out);
      for (size_t i = 0; i < n; ++i) out[i] = Ordered(out[i]);
      return;
    }
    kernels->dot_many(query, rows.base, rows.stride, ids, n, rows.dim, out);
    for (size_t i = 0; i < n; ++i) out[i] = Ordered(-out[i]);
  }

 private:
  // A hostile file may hold NaN. Unordered distances are undefined behavior in std::sort, so such a
  // row is farther than all others.
  static float Ordered(float distance) {
    return distance == distance ? distance : std::numeric_limits<float>::infinity();
  }
};

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_SPACE_H_
