// Building the graph over rows that are stored already, with as many threads as wanted.
#include <algorithm>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "index/index.h"

namespace sightline {
namespace {

// Too few nodes to find neighbors among: threads that start together would not see each other's.
constexpr uint64_t kLinkedAlone = 64;

// One in so many rows is searched for to see whether rows are found; below kFoundFrom rows searches
// scan.
constexpr uint64_t kProbed = 64;
constexpr uint64_t kFoundFrom = 1000;
// A link that is made for one row can take another's place.
constexpr int kRounds = 3;

size_t ThreadCount(size_t wanted, uint64_t items) {
  const size_t cores = std::max<size_t>(1, std::thread::hardware_concurrency());
  return static_cast<size_t>(
      std::min<uint64_t>(wanted == 0 ? cores : wanted, std::max<uint64_t>(1, items)));
}

}  // namespace

Status Index::NewGraph(std::unique_ptr<Graph>* graph, std::unique_ptr<Inserter>* inserter) const {
  auto made = std::make_unique<Graph>(parameters_.m, parameters_.seed);
  SL_RETURN_IF_ERROR(made->Reserve(max_rows_));
  *inserter = std::make_unique<Inserter>(made.get(), parameters_.ef_construction);
  *graph = std::move(made);
  return Status::Ok();
}

Status Index::Link(Graph* graph, Inserter* inserter, uint64_t rows, size_t threads) const {
  const uint32_t from = graph->size();
  SL_RETURN_IF_ERROR(graph->Prepare(static_cast<uint32_t>(rows)));
  Space space = MakeSpace();
  const std::shared_ptr<const RowCodes> codes = CodesForLinking(from, rows, threads);
  space.codes = codes.get();
  inserter->TrustCodes();
  std::atomic<uint64_t> next{from};
  std::atomic<int> failure{0};  // the first Walk that was not kOk, or -1 for no memory
  const auto work = [&](uint64_t end) {
    try {
      ScratchPool::Lease scratch(&scratches_);
      while (failure.load() == 0) {
        const uint64_t node = next.fetch_add(1);
        if (node >= end) return;
        const Walk walk = inserter->Insert(space, static_cast<uint32_t>(node), &*scratch);
        if (walk != Walk::kOk) failure = static_cast<int>(walk);
      }
    } catch (const std::bad_alloc&) {
      failure = -1;
    }
  };
  const uint64_t alone = std::min<uint64_t>(rows, std::max<uint64_t>(from, kLinkedAlone));
  work(alone);
  next = std::max<uint64_t>(alone, from);
  std::vector<std::thread> helpers;
  const size_t count = ThreadCount(threads, rows - next);
  for (size_t i = 1; i < count; ++i) {
    try {
      helpers.emplace_back(work, rows);
    } catch (const std::system_error&) {
      break;  // no more threads to be had: those there are do the work
    }
  }
  work(rows);
  for (std::thread& helper : helpers) helper.join();
  // Coding more rows for linking alone is not worth it until there are twice as many.
  if (codes != nullptr) codes_failed_at_ = inserter->CodesPay() ? 0 : rows;
  SL_RETURN_IF_ERROR(CheckCut());
  if (failure == 0) return Status::Ok();
  if (failure == -1) return Status(StatusCode::kNoMemory, "no memory to link rows");
  return Status(StatusCode::kFileCorrupt,
                path_ + ": rows or links that are needed to link new rows are damaged");
}

Status Index::Tidy(bool now) {
  const uint64_t rows = graph_->size();
  const uint64_t added = rows - std::min(rows, tidied_);
  // One visit per link: on average a few microseconds per row added.
  if (added == 0 || (!now && added < rows / 50)) return Status::Ok();
  ScratchPool::Lease scratch(&scratches_);
  uint64_t reconnected = 0;
  if (Reconnect(graph_.get(), MakeSpace(), &*scratch, &reconnected) != Walk::kOk) {
    return Status(StatusCode::kFileCorrupt, path_ + ": a row that the graph needs is damaged");
  }
  uint64_t lost = 0;
  SL_RETURN_IF_ERROR(MendLost(std::min(rows, tidied_), rows, &*scratch, &lost));
  reconnected += lost;
  tidied_ = rows;
  if (reconnected > 0) unsaved_ = true;
  return CheckCut();
}

// Of the rows from `first` on one in kProbed is searched for, and as many of those before. Where
// some are lost all new ones are searched for, and more of the old ones, which later links may have
// pushed out of sight.
Status Index::MendLost(uint64_t first, uint64_t rows, Scratch* scratch, uint64_t* lost) {
  *lost = 0;
  // Walks on the largest inner product do not look for the row itself.
  if (parameters_.metric == Metric::kDot || rows < kFoundFrom) return Status::Ok();
  const auto probe = [&](uint64_t from, uint64_t to, uint64_t step) {
    uint64_t some = 0;
    const Walk walk =
        FindLost(graph_.get(), MakeSpace(), static_cast<uint32_t>(from), static_cast<uint32_t>(to),
                 static_cast<uint32_t>(step), scratch, &some);
    *lost += some;
    return walk == Walk::kOk ? Status::Ok()
                             : Status(StatusCode::kFileCorrupt,
                                      path_ + ": a row that the graph needs is damaged");
  };
  // Another start each time, so that in the end every old row was probed.
  const uint64_t old_step =
      std::max<uint64_t>(1, kProbed * first / std::max<uint64_t>(1, rows - first));
  SL_RETURN_IF_ERROR(probe(first, rows, kProbed));
  if (first > 0) SL_RETURN_IF_ERROR(probe(rows % std::min(old_step, first), first, old_step));
  // One in a hundred: sets that are merely hard lose one in a thousand, which is not worth a search
  // for every row (a build of CLIP-like rows took three times as long).
  const uint64_t probed = (rows - first) / kProbed + first / old_step + 1;
  if (*lost * 100 <= probed) return Status::Ok();
  // All old ones each time there are a fifth more: six searches a row in all.
  const bool all = 5 * rows >= 6 * searched_all_at_;
  const uint64_t denser = std::max<uint64_t>(1, old_step / kProbed / 2);
  if (!all) SL_RETURN_IF_ERROR(probe(rows % std::min(denser, first), first, denser));
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t before = *lost;
    SL_RETURN_IF_ERROR(probe(all ? 0 : first, rows, 1));
    if (*lost - before <= rows / 1000) break;
  }
  if (all) searched_all_at_ = rows;
  return Status::Ok();
}

}  // namespace sightline
