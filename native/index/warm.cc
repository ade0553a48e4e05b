// Warms an opened index, in steps: makes codes, and copies rows and links into private memory.
#include "index/index.h"

namespace sightline {

uint64_t Index::uncoded() const {
  Reading reading;
  if (!Enter(&reading).ok()) return 0;
  const Epoch::Guard counted(&readers_);
  return inline_codes_.reserved() ? inline_codes_.Uncoded(*graph_)
                                  : row_codes_.Uncoded(keys_.rows());
}

Status Index::Code(uint64_t first, size_t threads, uint64_t* next) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  return inline_codes_.reserved()
             ? inline_codes_.Next(first, threads, *graph_, MakeSpace(), next)
             : row_codes_.Next(keys_.rows(), threads, *graph_, MakeSpace(), next);
}

Status Index::Promote(bool* more) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  *more = false;
  if (path_.empty()) return Status::Ok();
  const auto promoted = [&] { return rows_.promoted_bytes() + graph_->promoted_bytes(); };
  // Part by part: first the rows, then the links.
  const uint64_t before = promoted();
  SL_RETURN_IF_ERROR(rows_.Promote());
  if (promoted() == before) SL_RETURN_IF_ERROR(graph_->PromoteBase());
  *more = promoted() != before;
  return rows_.CheckCut();
}

}  // namespace sightline
