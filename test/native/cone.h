// Rows for tests of codes and storages.
#ifndef SIGHTLINE_TEST_CONE_H_
#define SIGHTLINE_TEST_CONE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/rng.h"

namespace sightline::test {

// A narrow cone with one dominant coordinate, rows in groups: what CLIP's vectors look like.
// text: pushed to one side of all of them, as texts are beside pictures.
inline std::vector<float> ConeRows(size_t n, size_t dim, uint64_t seed, bool text = false) {
  Rng centres(77);
  std::vector<float> groups(200 * dim);
  for (float& value : groups) value = static_cast<float>(centres.Normal());
  Rng rng(seed);
  std::vector<float> rows(n * dim);
  for (size_t r = 0; r < n; ++r) {
    const float* group = groups.data() + rng.Below(200) * dim;
    float* row = rows.data() + r * dim;
    double squared = 0;
    for (size_t i = 0; i < dim; ++i) {
      const double spread = 1.0 / (1.0 + static_cast<double>(i) / 8.0);
      row[i] = static_cast<float>(spread * (group[i] * (text ? 0.2 : 1.0) + 0.5 * rng.Normal()));
      if (i == dim / 3) row[i] += text ? 0.0f : -12.0f;
      if (i == dim / 2 && text) row[i] += 12.0f;
      squared += static_cast<double>(row[i]) * row[i];
    }
    for (size_t i = 0; i < dim; ++i) row[i] /= static_cast<float>(std::sqrt(squared));
  }
  return rows;
}

}  // namespace sightline::test

#endif  // SIGHTLINE_TEST_CONE_H_
