// Taking removed rows out of the graph, in steps, so that other writers wait for one step only.
// docs/adr/0013 has the figures.
#include <algorithm>
#include <atomic>

#include "index/index.h"
#include "index/live_copy.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Nodes looked at by one call: at most some 20 us each.
constexpr uint64_t kNodesPerCall = 4096;
// A walk passes through one removed node for so many live ones before it pays to mend the lists: it
// is at most an eighth slower, and mending costs a removed row a third of what adding it did.
constexpr uint64_t kLinkedPart = 8;
constexpr uint64_t kFewest = 64;
// Removed rows that a reader looks at to learn how many of all are out of the graph.
constexpr uint64_t kSample = 64;

}  // namespace

uint64_t Index::linked_gone() const {
  // In this order: see KeyTable::live().
  const uint64_t live = keys_.live();
  const uint64_t gone = keys_.rows() - live;
  return gone - std::min<uint64_t>(gone, unlinked_count_.load(std::memory_order_relaxed));
}

bool Index::UnlinkIsDue() const {
  const uint64_t gone = linked_gone();
  return gone >= kFewest && gone * kLinkedPart >= keys_.live();
}

bool Index::IsUnlinked(uint64_t row) const {
  return row / 64 < unlinked_.size() && ((unlinked_[row / 64] >> (row & 63)) & 1) != 0;
}

void Index::MarkUnlinked(uint64_t row) {
  if (unlinked_.size() <= row / 64) unlinked_.resize(static_cast<size_t>(row / 64 + 1));
  if (IsUnlinked(row)) return;
  unlinked_[row / 64] |= uint64_t{1} << (row & 63);
  unlinked_count_.fetch_add(1, std::memory_order_relaxed);
}

void Index::ForgetUnlinked(uint64_t from) {
  uint64_t count = 0;
  unlinked_.resize(std::min<size_t>(unlinked_.size(), static_cast<size_t>((from + 63) / 64)));
  if (from % 64 != 0 && unlinked_.size() == from / 64 + 1) {
    unlinked_.back() &= (uint64_t{1} << (from % 64)) - 1;
  }
  for (const uint64_t word : unlinked_) count += static_cast<uint64_t>(__builtin_popcountll(word));
  unlinked_count_ = count;
  leaving_.clear();
}

// What the graph holds of the removed rows, when it was loaded or built.
void Index::FindUnlinked() {
  ForgetUnlinked(0);
  const uint32_t nodes = graph_->size();
  const LiveCopy now(keys_, nodes);
  if (now.kept().words == nullptr) return;
  std::vector<bool> linked(nodes);
  if (nodes > 0) linked[graph_->entry().node] = true;
  for (uint32_t node = 0; node < nodes; ++node) {
    for (uint32_t level = 0; level <= graph_->LevelOf(node); ++level) {
      const LinkList list = graph_->Links(node, level);
      for (uint32_t i = 0; i < list.capacity && list.ids[i] < nodes; ++i)
        linked[list.ids[i]] = true;
    }
  }
  for (uint32_t node = 0; node < nodes; ++node) {
    if (now.kept().Gone(node) && !linked[node]) MarkUnlinked(node);
  }
}

// The same for who reads a mapped graph and does not want to read all of it.
void Index::GuessUnlinked() {
  const uint64_t gone = keys_.rows() - keys_.live();
  const uint64_t step = std::max<uint64_t>(1, gone / kSample);
  uint64_t seen = 0;
  uint64_t looked_at = 0;
  uint64_t empty = 0;
  for (uint64_t row = 0; gone > 0 && row < graph_->size(); ++row) {
    if (keys_.alive(row) || seen++ % step != 0) continue;
    const uint32_t node = static_cast<uint32_t>(row);
    ++looked_at;
    empty += graph_->BaseOk(node) && LoadLink(graph_->Links(node, 0).ids) == kNoRow;
  }
  if (looked_at > 0) unlinked_count_ = gone * empty / looked_at;
}

Status Index::Unlink(uint64_t first, size_t threads, uint64_t* next) {
  const std::lock_guard<std::mutex> writing(writer_);
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  SL_RETURN_IF_ERROR(MayWrite());
  const uint32_t nodes = graph_->size();
  *next = nodes;
  const LiveCopy now(keys_, nodes);
  if (now.kept().words == nullptr) return Status::Ok();
  if (first == 0) {
    leaving_.clear();
    for (uint32_t node = 0; node < nodes; ++node) {
      if (now.kept().Gone(node) && !IsUnlinked(node)) leaving_.push_back(node);
    }
  }
  // Else somebody began again, or rolled rows back.
  if (leaving_.empty() || (first != 0 && first != unlink_at_)) return Status::Ok();
  Space space = MakeSpace();
  space.live = space.kept = now.kept();
  const uint64_t end = std::min<uint64_t>(nodes, first + kNodesPerCall);
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
  CountInline();
  SL_RETURN_IF_ERROR(looked);
  if (damaged) {
    return Status(StatusCode::kFileCorrupt, path_ + ": a row that the graph needs is damaged");
  }
  *next = unlink_at_ = end;
  return end < nodes ? CheckCut() : FinishUnlink(threads, now.kept());
}

// Nothing leads to the leaving nodes any more, but a search may stand on one.
Status Index::FinishUnlink(size_t threads, const LiveRows& kept) {
  MoveEntry(graph_.get(), kept);
  readers_.Wait();
  for (const uint32_t node : leaving_) {
    if (node == graph_->entry().node) continue;
    Isolate(graph_.get(), node);
    MarkUnlinked(node);
  }
  leaving_.clear();
  unsaved_ = true;
  CountInline();
  // Some were the only way to a live one.
  tidied_ = 0;
  return Tidy(true, threads, kept);
}

}  // namespace sightline
