// The mean of rows, from a sample of them.
#ifndef SIGHTLINE_CODES_MEAN_H_
#define SIGHTLINE_CODES_MEAN_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/vector_view.h"

namespace sightline {

// Of about `sample` rows, evenly spread; zero for no rows.
inline std::vector<float> MeanOf(const VectorView& rows, size_t sample) {
  const size_t step = std::max<size_t>(1, rows.count / sample);
  std::vector<double> sums(rows.dim, 0.0);
  size_t taken = 0;
  for (size_t row = 0; row < rows.count; row += step, ++taken) {
    for (size_t i = 0; i < rows.dim; ++i) sums[i] += rows.row(row)[i];
  }
  std::vector<float> mean(rows.dim);
  for (size_t i = 0; i < rows.dim; ++i) {
    mean[i] = static_cast<float>(sums[i] / static_cast<double>(std::max<size_t>(1, taken)));
  }
  return mean;
}

}  // namespace sightline

#endif  // SIGHTLINE_CODES_MEAN_H_
