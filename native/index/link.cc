// Building the graph over rows that are stored already, with as many threads as wanted.
#include <algorithm>
#include <utility>

#include "index/index.h"
#include "index/live_copy.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Too few nodes to find neighbors among: threads that start together would not see each other's.
constexpr uint64_t kLinkedAlone = 64;

// One in so many rows is searched for to see whether rows are found; below kFoundFrom rows searches
// scan.
constexpr uint64_t kProbed = 32;
// Where that suggests too many hidden ones, so many times more are searched for before it is
// decided whether all are, which takes about as long as linking them.
constexpr uint64_t kProbedMore = 4;
// They are where more than one in so many of the sample is hidden: about one in 500 of independent
// values (64 dimensions) is, one in 1,000 of 100,000 CLIP-like rows.
constexpr uint64_t kHiddenPart = 400;
constexpr uint64_t kHiddenAtLeast = 3;  // fewer may be chance
constexpr uint64_t kProbesEnough = 1000;
constexpr uint64_t kFoundFrom = 1000;
// A link that is made for one row can take another's place, which is then searched for.
constexpr int kRounds = 4;
// Half a hundredth to a hundredth of CLIP-like rows, a fourteenth of 64 independent values; of
// these one in fifteen is lost, of the others one in two hundred.
constexpr uint8_t kFewLinks = 8;
constexpr size_t kFewAtLeast = 64;

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
                   size_t threads) {
  const uint32_t from = graph->size();
  SL_RETURN_IF_ERROR(graph->Prepare(static_cast<uint32_t>(rows)));
  Space space = MakeSpace();
  const std::shared_ptr<const RowCodes> codes = row_codes_.ForLinking(from, rows, threads);
  space.codes = codes.get();
  inserter->TrustCodes();
  space.live = now.live();
  space.kept = now.kept();
  // Rows that were removed since are no nodes, but the first of the highest level of all is: it is
  // the entry point.
  const auto left_out = [&](uint32_t node) {
    return space.kept.Removed(node) && graph->LevelOf(node) <= graph->entry().level;
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
  if (codes != nullptr) row_codes_.LinkingPaid(inserter->CodesPay(), rows);
  SL_RETURN_IF_ERROR(CheckCut());
  if (rows > 0 && !graph->entry().exists()) graph->SetEntry(0, graph->LevelOf(0));
  return linked;
}

Status Index::Tidy(bool now, const LiveRows& kept) {
  const uint64_t rows = graph_->size();
  const uint64_t added = rows - std::min(rows, tidied_.rows);
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
  SL_RETURN_IF_ERROR(MendLost(space, std::min(rows, tidied_.rows), rows, &*scratch, &lost));
  reconnected += lost;
  tidied_.rows = rows;
  if (reconnected > 0) unsaved_ = true;
  return CheckCut();
}

// Rows to which few others link are searched for, and a sample of all others. Where links
// hide some of the sample too, all new rows are searched for, and more of the old ones, which later
// links may have pushed out of sight.
Status Index::MendLost(const Space& space, uint64_t first, uint64_t rows, Scratch* scratch,
                       uint64_t* lost) {
  *lost = 0;
  // Walks on the largest inner product do not look for the row itself.
  if (parameters_.metric == Metric::kDot || rows < kFoundFrom) return Status::Ok();
  std::vector<uint32_t> wanted;
  // *hidden: how many of those wanted were.
  const auto mend = [&](uint64_t* hidden) {
    for (int round = 0; round < kRounds && !wanted.empty(); ++round) {
      LostNodes now;
      if (FindLost(graph_.get(), space, &wanted, scratch, &now) != Walk::kOk) {
        return Status(StatusCode::kFileCorrupt, path_ + ": a row that the graph needs is damaged");
      }
      *lost += now.all;
      if (round == 0) *hidden = now.hidden;
    }
    wanted.clear();
    return Status::Ok();
  };
  const auto take = [&](uint64_t from, uint64_t to, uint64_t step) {
    for (uint64_t row = from; row < to; row += step) wanted.push_back(static_cast<uint32_t>(row));
  };
  uint64_t hidden = 0;
  FewLinksTo(*graph_, static_cast<uint32_t>(rows), kFewLinks, &wanted);
  // Of the old ones as many as of the new, others each time: both counts are small.
  const auto fresh = std::lower_bound(wanted.begin(), wanted.end(), static_cast<uint32_t>(first));
  const size_t old = static_cast<size_t>(fresh - wanted.begin());
  const size_t most = std::max<size_t>(kFewAtLeast, static_cast<size_t>(wanted.end() - fresh));
  if (old > most) {
    std::rotate(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(rows % old), fresh);
    wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(most), fresh);
  }
  SL_RETURN_IF_ERROR(mend(&hidden));
  // Another start each time, so that in the end every old row was probed.
  const uint64_t old_step =
      std::max<uint64_t>(1, kProbed * first / std::max<uint64_t>(1, rows - first));
  for (const uint64_t more : {uint64_t{1}, kProbedMore}) {
    const uint64_t step = std::max<uint64_t>(1, old_step / more);
    take(first + more - 1, rows, kProbed / more);
    if (first > 0) take((rows + more) % std::min(step, first), first, step);
    tidied_.probed += wanted.size();
    SL_RETURN_IF_ERROR(mend(&hidden));
    tidied_.hidden += hidden;
    if (tidied_.hidden * kHiddenPart <= tidied_.probed) return Status::Ok();
    // What earlier rows were like, later ones are.
    if (tidied_.hidden >= kHiddenAtLeast && tidied_.probed > kProbesEnough) break;
  }
  if (tidied_.hidden < kHiddenAtLeast) return Status::Ok();
  // All old ones each time there are a fifth more: six searches a row in all.
  const bool all = 5 * rows >= 6 * tidied_.searched_all_at;
  if (!all && first > 0) {
    const uint64_t denser = std::max<uint64_t>(1, old_step / kProbed / 2);
    take(rows % std::min(denser, first), first, denser);
  }
  take(all ? 0 : first, rows, 1);
  SL_RETURN_IF_ERROR(mend(&hidden));
  if (all) tidied_.searched_all_at = rows;
  return Status::Ok();
}

}  // namespace sightline
