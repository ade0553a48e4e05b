// Building the graph over rows that are stored already, with as many threads as wanted.
#include <algorithm>
#include <utility>

#include "hnsw/reconnect.h"
#include "index/index.h"
#include "index/live_copy.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Too few nodes to find neighbors among: threads that start together would not see each other's.
constexpr uint64_t kLinkedAlone = 64;

// Below so many rows searches scan.
constexpr uint64_t kFoundFrom = 1000;
// A link that is made for one row can take another's place, which is then searched for.
constexpr int kRounds = 4;
// Rows to which at most M / 2 others link are searched for: one in fifteen of these is lost where
// rows are 64 independent values (a fourteenth of all), one in a hundred of CLIP-like ones (a
// hundredth of all). Of others one in two hundred.
constexpr uint32_t FewLinks(uint32_t m) { return std::max(1u, m / 2); }
constexpr uint64_t kFewAtLeast = 64;
// All rows are searched for, which takes a third of the time of linking them, where the hidden
// among those with few links are more than one in so many of all rows: one in 300 of independent
// values (48 dimensions), one in 1,400 of uniform ones (64 dimensions), one in 80,000 of 100,000
// CLIP-like rows.
constexpr uint64_t kHiddenFew = 3000;
// The same where links to a scene hide it from all others: one in kProbed rows is searched for, and
// kProbedMore times as many where of these more than one in kHiddenPart is hidden. A link to one of
// them leads to others, so twice that part of the first sample is enough.
constexpr uint64_t kProbed = 32;
constexpr uint64_t kProbedMore = 4;
constexpr uint64_t kHiddenPart = 400;
constexpr uint64_t kHiddenAtLeast = 3;  // fewer may be chance
constexpr uint64_t kProbesEnough = 4000;
// What was counted longer ago counts less.
constexpr uint64_t kCountedAtMost = 16 * 1024;
constexpr uint64_t kSearchedAtOnce = 16;

size_t ThreadCount(size_t wanted, uint64_t items) {
  return static_cast<size_t>(
      std::min<uint64_t>(ThreadsWanted(wanted), std::max<uint64_t>(1, items)));
}

}  // namespace

Status Index::NewGraph(std::unique_ptr<Graph>* graph, std::unique_ptr<Inserter>* inserter) const {
  auto made = std::make_unique<Graph>(parameters_.m, parameters_.seed);
  SL_RETURN_IF_ERROR(made->Reserve(max_rows_, &readers_));
  *inserter = std::make_unique<Inserter>(made.get(), parameters_.ef_construction);
  *graph = std::move(made);
  return Status::Ok();
}

Status Index::Link(Graph* graph, Inserter* inserter, uint64_t rows, const LiveCopy& now,
                   size_t threads) const {
  const uint32_t from = graph->size();
  SL_RETURN_IF_ERROR(graph->Prepare(static_cast<uint32_t>(rows)));
  Space space = MakeSpace();
  const std::shared_ptr<const RowCodes> codes = CodesForLinking(from, rows, threads);
  space.codes = codes.get();
  inserter->TrustCodes();
  space.live = now.live();
  space.kept = now.kept();
  // Rows that were removed since are no nodes, but the first of the highest level of all is: it is
  // the entry point.
  const auto left_out = [&](uint32_t node) {
    return space.kept.Gone(node) && graph->LevelOf(node) <= graph->entry().level;
  };
  std::atomic<uint64_t> next{from};
  std::atomic<bool> failed{false};
  uint64_t end = 0;
  const auto work = [&] {
    ScratchPool::Lease scratch(&scratches_);
    while (!failed.load()) {
      const uint64_t node = next.fetch_add(1);
      if (node >= end) break;
      if (Exiting()) return ExitingStatus();
      if (left_out(static_cast<uint32_t>(node))) continue;
      if (inserter->Insert(space, static_cast<uint32_t>(node), &*scratch) == Walk::kOk) continue;
      failed = true;
      return Status(StatusCode::kFileCorrupt,
                    path_ + ": rows or links that are needed to link new rows are damaged");
    }
    return Status::Ok();
  };
  end = std::min<uint64_t>(rows, std::max<uint64_t>(from, kLinkedAlone));
  SL_RETURN_IF_ERROR(InParallel(1, work));
  next = std::max<uint64_t>(end, from);
  end = rows;
  const Status linked = InParallel(ThreadCount(threads, rows - next), work);
  // Coding more rows for linking alone is not worth it until there are twice as many.
  if (codes != nullptr) codes_failed_at_ = inserter->CodesPay() ? 0 : rows;
  SL_RETURN_IF_ERROR(CheckCut());
  if (rows > 0 && !graph->entry().exists()) graph->SetEntry(0, graph->LevelOf(0));
  return linked;
}

Status Index::Tidy(bool now, size_t threads, const LiveRows& kept) {
  const uint64_t rows = graph_->size();
  const uint64_t added = rows - std::min(rows, tidied_);
  // One visit per link: on average a few microseconds per row added.
  if (added == 0 || (!now && added < rows / 50)) return Status::Ok();
  ScratchPool::Lease scratch(&scratches_);
  uint64_t reconnected = 0;
  Space space = MakeSpace();
  space.live = kept;
  if (Reconnect(graph_.get(), space, &*scratch, &reconnected) != Walk::kOk) {
    return Status(StatusCode::kFileCorrupt, path_ + ": a row that the graph needs is damaged");
  }
  uint64_t lost = 0;
  SL_RETURN_IF_ERROR(MendLost(space, std::min(rows, tidied_), rows, threads, &lost));
  reconnected += lost;
  tidied_ = rows;
  if (reconnected > 0) unsaved_ = true;
  return CheckCut();
}

Status Index::FindLost(const Space& space, const std::vector<uint32_t>& nodes, size_t threads,
                       std::vector<LostNode>* lost) const {
  lost->clear();
  const std::shared_ptr<const RowCodes> codes = Codes();
  std::mutex adding;
  std::atomic<size_t> next{0};
  const auto work = [&] {
    ScratchPool::Lease scratch(&scratches_);
    Space as_searched = space;
    as_searched.codes = codes.get();
    as_searched.query_code = &scratch->query_code;
    std::vector<LostNode> own;
    LostNode node;
    bool is_lost = false;
    for (size_t at = next.fetch_add(kSearchedAtOnce); at < nodes.size();
         at = next.fetch_add(kSearchedAtOnce)) {
      if (Exiting()) return ExitingStatus();
      for (size_t i = at; i < std::min(nodes.size(), at + kSearchedAtOnce); ++i) {
        if (LookFor(*graph_, as_searched, nodes[i], &*scratch, &is_lost, &node) != Walk::kOk) {
          next = nodes.size();
          return Status(StatusCode::kFileCorrupt,
                        path_ + ": a row that the graph needs is damaged");
        }
        if (is_lost) own.push_back(node);
      }
    }
    const std::lock_guard<std::mutex> lock(adding);
    lost->insert(lost->end(), own.begin(), own.end());
    return Status::Ok();
  };
  SL_RETURN_IF_ERROR(InParallel(ThreadsFor(threads, nodes.size(), kSearchedAtOnce), work));
  std::sort(lost->begin(), lost->end(),
            [](const LostNode& a, const LostNode& b) { return a.node < b.node; });
  return Status::Ok();
}

Status Index::LinkLostOf(const Space& space, std::vector<uint32_t>* nodes, size_t threads,
                         Counted* counted, uint64_t* linked) {
  std::vector<LostNode> lost;
  for (int round = 0; round < kRounds && !nodes->empty(); ++round) {
    SL_RETURN_IF_ERROR(FindLost(space, *nodes, threads, &lost));
    if (round == 0) {
      const auto hidden =
          std::count_if(lost.begin(), lost.end(), [](const LostNode& node) { return node.hidden; });
      counted->rows += nodes->size();
      counted->hidden += static_cast<uint64_t>(hidden);
      if (counted->rows > kCountedAtMost) {
        counted->rows /= 2;
        counted->hidden /= 2;
      }
    }
    nodes->clear();
    for (const LostNode& node : lost) LinkLost(graph_.get(), node, nodes);
    *linked += lost.size();
  }
  nodes->clear();
  return Status::Ok();
}

// Rows to which few others link are searched for, and a sample of all others. Where links hide too
// many of either, all new rows are searched for, and more of the old ones, which later links may
// have pushed out of sight.
Status Index::MendLost(const Space& space, uint64_t first, uint64_t rows, size_t threads,
                       uint64_t* lost) {
  *lost = 0;
  // Walks on the largest inner product do not look for the row itself.
  if (parameters_.metric == Metric::kDot || rows < kFoundFrom) return Status::Ok();
  std::vector<uint32_t> wanted;
  const auto take = [&](uint64_t from, uint64_t to, uint64_t step) {
    for (uint64_t row = from; row < to; row += step) wanted.push_back(static_cast<uint32_t>(row));
  };
  FewLinksTo(*graph_, static_cast<uint32_t>(rows), FewLinks(parameters_.m), &wanted);
  const uint64_t few = wanted.size();
  // Of the old ones as many as of the new, others each time: both counts are small.
  const auto fresh = std::lower_bound(wanted.begin(), wanted.end(), static_cast<uint32_t>(first));
  const size_t old = static_cast<size_t>(fresh - wanted.begin());
  const size_t most = std::max<size_t>(kFewAtLeast, static_cast<size_t>(wanted.end() - fresh));
  if (old > most) {
    std::rotate(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(rows % old), fresh);
    wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(most), fresh);
  }
  SL_RETURN_IF_ERROR(LinkLostOf(space, &wanted, threads, &few_, lost));
  bool hides = few_.hidden >= kHiddenAtLeast && few * few_.hidden * kHiddenFew > rows * few_.rows;
  // Another start each time, so that in the end every old row was probed.
  const uint64_t old_step =
      std::max<uint64_t>(1, kProbed * first / std::max<uint64_t>(1, rows - first));
  for (const uint64_t more : {uint64_t{1}, kProbedMore}) {
    if (hides) break;
    const uint64_t step = std::max<uint64_t>(1, old_step / more);
    take(first + more - 1, rows, kProbed / more);
    if (first > 0) take((rows + more) % std::min(step, first), first, step);
    SL_RETURN_IF_ERROR(LinkLostOf(space, &wanted, threads, &probed_, lost));
    if (probed_.hidden * kHiddenPart <= probed_.rows) return Status::Ok();
    // What earlier rows were like, later ones are.
    hides = probed_.hidden >= kHiddenAtLeast && (more > 1 || probed_.rows > kProbesEnough ||
                                                 probed_.hidden * kHiddenPart > 2 * probed_.rows);
  }
  if (!hides) return Status::Ok();
  // All old ones each time there are a fifth more: six searches a row in all.
  const bool all = 5 * rows >= 6 * searched_all_at_;
  if (!all && first > 0) {
    const uint64_t denser = std::max<uint64_t>(1, old_step / kProbed / 2);
    take(rows % std::min(denser, first), first, denser);
  }
  take(all ? 0 : first, rows, 1);
  Counted ignored;
  SL_RETURN_IF_ERROR(LinkLostOf(space, &wanted, threads, &ignored, lost));
  if (all) searched_all_at_ = rows;
  return Status::Ok();
}

}  // namespace sightline
