// A read-only view of `count` rows of `dim` floats, `stride` bytes apart.
#ifndef SIGHTLINE_CORE_VECTOR_VIEW_H_
#define SIGHTLINE_CORE_VECTOR_VIEW_H_

#include <cstddef>
#include <cstdint>

namespace sightline {

struct VectorView {
  const unsigned char* base = nullptr;
  size_t count = 0;   // rows
  size_t dim = 0;     // floats per row
  size_t stride = 0;  // bytes between rows; dim * 4, because embeddings.dat is numpy-mappable

  const float* row(size_t i) const { return reinterpret_cast<const float*>(base + i * stride); }
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_VECTOR_VIEW_H_
