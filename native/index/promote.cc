// Mapped rows and links copied into huge pages of our own, part by part.
#include "index/index.h"

namespace sightline {

Status Index::Promote(bool* more) {
  const std::lock_guard<std::mutex> writing(writer_);
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  *more = false;
  if (path_.empty()) return Status::Ok();
  // Part by part: rows until there is none left, then links.
  const uint64_t before = Promoted();
  SL_RETURN_IF_ERROR(rows_.Promote());
  if (Promoted() == before) SL_RETURN_IF_ERROR(graph_->PromoteBase());
  *more = Promoted() != before;
  return rows_.CheckCut();
}

uint64_t Index::Promoted() const { return rows_.promoted_bytes() + graph_->promoted_bytes(); }

}  // namespace sightline
