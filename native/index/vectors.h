// Checks rows and queries: finite, not too long, for cosine not zero.
#ifndef SIGHTLINE_INDEX_VECTORS_H_
#define SIGHTLINE_INDEX_VECTORS_H_

#include <cstddef>

#include "core/status.h"
#include "format/log_format.h"

namespace sightline {

// name            of the vector in messages, for example "row 3" or "the query".
// squared_length  set to the sum of squares, for Normalise; may be null.
Status CheckVector(const float* vector, const IndexParameters& parameters, const char* name,
                   double* squared_length = nullptr);

// Scales to unit length; unchanged if its squared length is 1 to within 1e-6. squared_length is by
// CheckVector.
void Normalise(float* vector, size_t dim, double squared_length);

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_VECTORS_H_
