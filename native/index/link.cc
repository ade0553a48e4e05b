// Links stored rows into the graph.
#include <algorithm>
#include <utility>

#include "index/index.h"
#include "index/live_copy.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Linked by one thread: threads that start together would not see each other's nodes.
constexpr uint64_t kLinkedAlone = 64;

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
  // Removed rows are not linked, except the first row of the highest level, the entry point.
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
  // If codes did not pay, they are not made for linking until there are twice as many rows.
  if (codes != nullptr) row_codes_.LinkingPaid(inserter->CodesPay(), rows);
  SL_RETURN_IF_ERROR(CheckCut());
  if (rows > 0 && !graph->entry().exists()) graph->SetEntry(0, graph->LevelOf(0));
  return linked;
}

Status Index::Tidy(bool now, size_t threads, const LiveRows& kept) {
  const uint64_t rows = graph_->size();
  const uint64_t first = std::min(rows, tidied_);
  // One visit per link: on average a few microseconds per added row.
  if (first == rows || (!now && rows - first < rows / 50)) return Status::Ok();
  uint64_t reconnected = 0;
  Space space = MakeSpace();
  space.live = kept;
  {
    ScratchPool::Lease scratch(&scratches_);
    if (Reconnect(graph_.get(), space, &*scratch, &reconnected) != Walk::kOk) {
      return Status(StatusCode::kFileCorrupt, path_ + ": a row that the graph needs is damaged");
    }
  }
  const std::shared_ptr<const RowCodes> codes = row_codes_.ForSearch();
  space.codes = codes.get();
  uint64_t lost = 0;
  const Status linked =
      lost_rows_.Link(graph_.get(), space, first, rows, threads, &scratches_, &lost);
  if (!linked.ok() || reconnected + lost > 0) unsaved_ = true;
  if (linked.code() == StatusCode::kFileCorrupt) {
    return Status(StatusCode::kFileCorrupt, path_ + ": " + linked.message());
  }
  SL_RETURN_IF_ERROR(linked);
  tidied_ = rows;
  return CheckCut();
}

}  // namespace sightline
