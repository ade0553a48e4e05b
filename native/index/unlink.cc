// Takes removed rows out of the graph, in steps, so that other writers wait for one step only.
// Figures: docs/adr/0013.
#include <algorithm>
#include <atomic>

#include "index/index.h"
#include "index/live_copy.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Nodes per call, at most about 20 us each.
constexpr uint64_t kUnlinkedPerCall = 4096;
// Unlinking is due at one removed node per this many live ones: until then walks are at most an
// eighth slower. Mending costs a third of adding the removed rows.
constexpr uint64_t kRemovedPart = 8;
constexpr uint64_t kFewest = 64;

}  // namespace

uint64_t Index::removed_in_graph() const {
  // In this order: see KeyTable::live().
  const uint64_t live = keys_.live();
  const uint64_t removed = keys_.rows() - live;
  return removed - std::min<uint64_t>(removed, unlinked_.count());
}

bool Index::UnlinkIsDue() const {
  const uint64_t removed = removed_in_graph();
  return removed >= kFewest && removed * kRemovedPart >= keys_.live();
}

Status Index::Unlink(uint64_t first, size_t threads, uint64_t* next) {
  Writing writing;
  SL_RETURN_IF_ERROR(Begin(&writing));
  SL_RETURN_IF_ERROR(MayWrite());
  const uint32_t nodes = graph_->size();
  *next = nodes;
  const LiveCopy now(keys_, nodes);
  if (now.kept().words == nullptr) return Status::Ok();
  if (first == 0) unlinked_.Begin(nodes, now.kept());
  if (!unlinked_.GoesOnFrom(first)) return Status::Ok();
  Space space = MakeSpace();
  space.live = space.kept = now.kept();
  const uint64_t end = std::min<uint64_t>(nodes, first + kUnlinkedPerCall);
  std::atomic<uint64_t> at{first};
  std::atomic<bool> changed{false};
  std::atomic<bool> damaged{false};
  const auto work = [&] {
    ScratchPool::Lease scratch(&scratches_);
    for (uint64_t node = at.fetch_add(1); node < end && !damaged; node = at.fetch_add(1)) {
      if (Exiting()) return ExitingStatus();
      bool mended = false;
      const Walk walk = Mend(graph_.get(), space, static_cast<uint32_t>(node), &*scratch, &mended);
      if (walk != Walk::kOk) damaged = true;
      if (mended) changed = true;
    }
    return Status::Ok();
  };
  const Status looked = InParallel(ThreadsFor(threads, end - first, 256), work, true);
  if (changed) unsaved_ = true;
  inline_codes_.Count(*graph_);
  SL_RETURN_IF_ERROR(looked);
  if (damaged) {
    return Status(StatusCode::kFileCorrupt, path_ + ": a row that the graph needs is damaged");
  }
  *next = end;
  unlinked_.GoOnFrom(end);
  return end < nodes ? CheckCut() : FinishUnlink(threads, now.kept());
}

// No link leads to the leaving nodes any more, but a search may still be at one.
Status Index::FinishUnlink(size_t threads, const LiveRows& kept) {
  MoveEntry(graph_.get(), kept);
  readers_.Wait();
  const uint32_t entry = graph_->entry().node;
  for (const uint32_t node : unlinked_.leaving()) {
    if (node != entry) Isolate(graph_.get(), node);
  }
  unlinked_.Done(entry);
  unsaved_ = true;
  inline_codes_.Count(*graph_);
  // Some were the only path to a live node.
  tidied_ = 0;
  return Tidy(true, threads, kept);
}

}  // namespace sightline
