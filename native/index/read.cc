// Rows and keys as they are asked for.
#include <algorithm>

#include "index/index.h"

namespace sightline {

Status Index::CopyRows(const uint32_t* rows, size_t n, float* out) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Epoch::Guard counted(&readers_);
  const VectorView view = rows_.view();
  for (size_t i = 0; i < n; ++i) {
    if (rows[i] >= view.count) {
      return Status(StatusCode::kInvalidRange, "row " + std::to_string(rows[i]) +
                                                   " is not one of " + std::to_string(view.count));
    }
    SL_RETURN_IF_ERROR(rows_.EnsureTrusted(rows[i], uint64_t{rows[i]} + 1));
    std::copy_n(view.row(rows[i]), parameters_.dim, out + i * parameters_.dim);
  }
  return rows_.CheckCut();
}

Status Index::CopyKeys(const uint32_t* rows, size_t n, int64_t* out) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Epoch::Guard counted(&readers_);
  for (size_t i = 0; i < n; ++i) {
    if (rows[i] >= keys_.rows()) {
      return Status(
          StatusCode::kInvalidRange,
          "row " + std::to_string(rows[i]) + " is not one of " + std::to_string(keys_.rows()));
    }
    out[i] = keys_.key_of(rows[i]);
  }
  return Status::Ok();
}

Status Index::CopyPayloads(const uint32_t* rows, size_t n, unsigned char* out, size_t room,
                           uint32_t* lengths, size_t* done) const {
  *done = 0;
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Epoch::Guard counted(&readers_);
  for (size_t i = 0; i < n; ++i) {
    if (rows[i] >= keys_.rows()) {
      return Status(
          StatusCode::kInvalidRange,
          "row " + std::to_string(rows[i]) + " is not one of " + std::to_string(keys_.rows()));
    }
    const PayloadTable::Span payload = payloads_.Find(rows[i]);
    if (payload.size > room) break;
    out = std::copy_n(payload.data, payload.size, out);
    room -= payload.size;
    lengths[i] = payload.size;
    *done = i + 1;
  }
  return Status::Ok();
}

Status Index::RowsOf(const int64_t* keys, size_t n, uint32_t* out) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Epoch::Guard counted(&readers_);
  for (size_t i = 0; i < n; ++i) out[i] = keys_.RowOf(keys[i]);
  return Status::Ok();
}

}  // namespace sightline
