// What reads an index: search, scan, rows, keys.
#include <algorithm>
#include <cmath>
#include <optional>

#include "core/yield_point.h"
#include "exact/exact_scan.h"
#include "index/index.h"
#include "index/plan.h"
#include "index/vectors.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// From the order the kernels compute to the distance of the facade.
float DistanceOf(Metric metric, float ordering) {
  switch (metric) {
    case Metric::kCosine:
      // Rows and queries are of unit length to within rounding: no cosine lies beyond 1 or -1.
      return std::min(2.0f, std::max(0.0f, 1.0f + ordering));
    case Metric::kEuclidean:
      return std::sqrt(ordering);
    case Metric::kDot:
      break;
  }
  return ordering;
}

// words: live rows of `keys`, of those the ones the filter allows. Returns how many.
uint64_t CompileOnce(const KeyTable& keys, uint64_t rows, const SearchOptions& options,
                     std::vector<uint64_t>* words) {
  const size_t size = static_cast<size_t>((rows + 63) / 64);
  words->resize(size);
  uint64_t matches = 0;
  for (size_t i = 0; i < size; ++i) {
    uint64_t word = keys.word(i);
    if (i % 16 == 0) SL_YIELD_POINT();
    if (options.filter != nullptr) {
      uint64_t wanted = 0;
      for (size_t b = 0; b < 8 && i * 8 + b < options.filter_bytes; ++b) {
        wanted |= uint64_t{options.filter[i * 8 + b]} << (8 * b);
      }
      word &= wanted;
    }
    // Rows that came since `rows` was read belong to the next search.
    if (i == size - 1 && rows % 64 != 0) word &= (uint64_t{1} << (rows % 64)) - 1;
    (*words)[i] = word;
    matches += static_cast<uint64_t>(__builtin_popcountll(word));
  }
  return matches;
}

// Again if rows were replaced meanwhile: a search sees all old rows of an update or all new ones.
uint64_t CompileAllowed(const KeyTable& keys, uint64_t rows, const SearchOptions& options,
                        std::vector<uint64_t>* words) {
  for (;;) {
    const uint64_t before = keys.swaps();
    const uint64_t matches = CompileOnce(keys, rows, options, words);
    if (before % 2 == 0 && keys.swaps() == before) return matches;
  }
}

}  // namespace

Status Index::Enter(Reading* lock) const {
  if (waiting_.load(std::memory_order_relaxed)) {
    const std::lock_guard<std::mutex> turn(turn_);
  }
  const Status refused(StatusCode::kClosed, "the index is closed");
  if (closed()) return refused;
  *lock = Reading(gate_);
  if (!closed()) return Status::Ok();
  lock->unlock();
  return refused;
}

Space Index::MakeSpace() const {
  Space space;
  space.rows = rows_.view();
  space.kernels = kernels_;
  space.metric = parameters_.metric;
  space.guard = rows_.guard();
  return space;
}

Status Index::ScanExact(const float* query, const uint64_t* allowed, uint64_t n, size_t k,
                        std::vector<Neighbor>* out) const {
  if (allowed == nullptr) {
    SL_RETURN_IF_ERROR(rows_.EnsureTrusted(0, n));
  } else {
    for (uint64_t i = 0; i < (n + 63) / 64; ++i) {
      for (uint64_t word = allowed[i]; word != 0; word &= word - 1) {
        const uint64_t row = i * 64 + static_cast<uint64_t>(__builtin_ctzll(word));
        SL_RETURN_IF_ERROR(rows_.EnsureTrusted(row, row + 1));
      }
    }
  }
  VectorView view = rows_.view();
  view.count = n;
  TopK top(k);
  ExactScan(*kernels_, parameters_.metric, view, nullptr, query, allowed, &top);
  if (Exiting()) return ExitingStatus();
  *out = top.TakeSorted();
  return Status::Ok();
}

// Fills scratch->hits by the graph, or sets *scan where a scan has to do it.
Status Index::WalkGraph(const float* query, const SearchOptions& options, size_t ef,
                        const uint64_t* allowed, uint64_t n, uint64_t nodes, uint64_t matches,
                        const RowCodes* codes, Scratch* scratch, bool* scan) const {
  std::vector<Neighbor>& hits = scratch->hits;
  // Removed rows alone are passed through; a filter may leave few, which is another search.
  const bool filters = options.filter != nullptr;
  const bool over = filters && codes == nullptr && StepsOver(matches, nodes);
  if (!over && walks_inline_.load(std::memory_order_relaxed) && CodesSuit(options.k, ef)) {
    const Walk walk = WalkCodes(query, options, ef, allowed, n, nodes, matches, scratch);
    if (walk == Walk::kOk && !graph_->base_range().Cut() &&
        hits.size() >= std::min<uint64_t>(options.k, matches)) {
      return Status::Ok();
    }
    // What is missing or damaged the walk on rows finds, or reports.
  }
  SearchLimits limits;
  limits.k = options.k;
  limits.ef = ef;
  limits.allowed = filters ? allowed : nullptr;
  limits.allowed_rows = n;
  // Past this a scan of the matches would have been cheaper; together at most twice its price.
  limits.budget = static_cast<size_t>(std::max<uint64_t>(matches, 10 * uint64_t{ef}));
  limits.over_others = over;
  SL_YIELD_POINT();
  Space space = MakeSpace();
  space.codes = codes;
  space.query_code = &scratch->query_code;
  if (allowed != nullptr && !filters) space.live = {allowed, n};
  switch (SearchGraph(*graph_, space, query, limits, scratch, &hits)) {
    case Walk::kOk:
      break;
    case Walk::kGraphDamaged:
      // The rows are the truth: from here on every search of this handle is a scan.
      graph_damaged_.store(true, std::memory_order_relaxed);
      *scan = true;
      break;
    case Walk::kBudget:
      *scan = true;
      break;
    case Walk::kRowDamaged:
      return Status(StatusCode::kFileCorrupt,
                    path_ + ": a row that the search needs does not match its checksum");
  }
  if (graph_->base_range().Cut()) {
    graph_damaged_.store(true, std::memory_order_relaxed);
    *scan = true;
  }
  // Nodes that are only now being linked may lie beyond what this search counts as there.
  hits.erase(
      std::remove_if(hits.begin(), hits.end(),
                     [&](const Neighbor& hit) { return hit.row >= n || space.live.Gone(hit.row); }),
      hits.end());
  return Status::Ok();
}

Status Index::SearchOne(const float* query, const SearchOptions& options, uint32_t* out_rows,
                        float* out_distances, size_t* found) const {
  *found = 0;
  double length = 0;
  SL_RETURN_IF_ERROR(CheckVector(query, parameters_, "the query", &length));
  ScratchPool::Lease scratch(&scratches_);
  scratch->query.assign(query, query + parameters_.dim);
  if (parameters_.unit_rows()) Normalise(scratch->query.data(), parameters_.dim, length);
  const float* q = scratch->query.data();

  // In this order, see KeyTable::live(): rows that are appended in between must not make up for
  // removed ones.
  uint64_t matches = keys_.live();
  SL_YIELD_POINT();
  const uint64_t n = keys_.rows();
  const uint64_t* allowed = nullptr;
  if (options.filter != nullptr || matches < n) {
    matches = CompileAllowed(keys_, n, options, &scratch->words);
    allowed = scratch->words.data();
    if (options.filter != nullptr && options.filter_changes != kAnyChanges &&
        options.filter_changes != keys_.changes()) {
      return Status(StatusCode::kBusy, "keys changed since the filter was made");
    }
  }
  // What walks meet: rows that were taken out of the graph are not among it.
  const uint64_t nodes = std::max(matches, n - std::min<uint64_t>(n, unlinked_count_));
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(options.k, matches));
  if (wanted == 0) return Status::Ok();
  std::vector<Neighbor>& hits = scratch->hits;
  const size_t ef = std::max(options.ef, options.k);
  const bool on_codes = walks_inline_.load(std::memory_order_relaxed) && CodesSuit(options.k, ef);
  std::vector<Neighbor> walked;
  std::shared_ptr<const RowCodes> codes;
  if (!options.exact && matches > kAlwaysScan && codes_suit_.load(std::memory_order_relaxed)) {
    codes = Codes();
  }
  bool scan = options.exact || graph_damaged_.load(std::memory_order_relaxed);
  if (!scan && options.filter != nullptr && codes == nullptr && StepsOver(matches, nodes)) {
    scan = ScanIsBetterThanStepping(matches, options.k, ef);
  } else if (!scan) {
    scan = on_codes ? ScanIsBetterThanCodes(matches, nodes, options.k, ef)
                    : ScanIsBetter(matches, nodes, options.k, ef);
  }
  if (codes != nullptr) codes->Prepare(q, &scratch->query_code);
  bool sure = true;
  if (!scan) {
    SL_RETURN_IF_ERROR(
        WalkGraph(q, options, ef, allowed, n, nodes, matches, codes.get(), &*scratch, &scan));
    scan |= hits.size() < wanted;
    if (!scan && codes != nullptr) {
      SL_RETURN_IF_ERROR(Rerank(q, scratch->query_code, wanted, ef, &hits, &sure));
      // Farther from everything than rows are from each other: a text among pictures. Walks miss
      // one in ten of its neighbors at any price.
      scan = options.filter == nullptr && hits[wanted - 1].distance > reach_;
      if (scan || !sure) walked = hits;
    }
  }
  if (scan && codes != nullptr) {
    SL_RETURN_IF_ERROR(ScanCodes(q, *codes, allowed, n, wanted, ef, walked, &*scratch, &sure));
    // Without a filter there is a walk to fall back on.
    scan = !sure && options.filter != nullptr;
    walked = hits;
  }
  if (!sure && !scan) {
    // The codes cannot tell what is near here: the rows can.
    SL_RETURN_IF_ERROR(
        WalkGraph(q, options, ef, allowed, n, nodes, matches, nullptr, &*scratch, &scan));
    hits.insert(hits.end(), walked.begin(), walked.end());
    std::sort(hits.begin(), hits.end());
    hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  }
  if (scan && (codes == nullptr || !sure)) {
    SL_RETURN_IF_ERROR(ScanExact(q, allowed, n, wanted, &hits));
  }
  SL_RETURN_IF_ERROR(rows_.CheckCut());
  const size_t count = std::min(wanted, hits.size());
  for (size_t i = 0; i < count; ++i) {
    const float distance = DistanceOf(parameters_.metric, hits[i].distance);
    if (!(distance <= options.threshold)) break;
    out_rows[i] = hits[i].row;
    out_distances[i] = distance;
    ++*found;
  }
  return Status::Ok();
}

Status Index::Search(const float* query, const SearchOptions& options, uint32_t* rows,
                     float* distances, double* keys, size_t* found) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Grace::Reading counted(&readers_);
  SL_RETURN_IF_ERROR(SearchOne(query, options, rows, distances, found));
  for (size_t i = 0; i < *found; ++i) keys[i] = static_cast<double>(keys_.key_of(rows[i]));
  return Status::Ok();
}

Status Index::SearchBatch(const float* queries, size_t n, const SearchOptions& options,
                          size_t threads, uint32_t* rows, float* distances, int64_t* keys,
                          uint32_t* counts) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  std::fill(rows, rows + n * options.k, kNoRow);
  std::fill(distances, distances + n * options.k, std::numeric_limits<float>::infinity());
  std::fill(keys, keys + n * options.k, 0);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) {
      if (Exiting()) return ExitingStatus();
      size_t found = 0;
      // One by one: a writer may wait for those who are counted.
      const Grace::Reading counted(&readers_);
      const Status status = SearchOne(queries + i * parameters_.dim, options, rows + i * options.k,
                                      distances + i * options.k, &found);
      if (!status.ok()) {
        next = n;
        return status;
      }
      counts[i] = static_cast<uint32_t>(found);
      for (size_t at = i * options.k; at < i * options.k + found; ++at) {
        keys[at] = keys_.key_of(rows[at]);
      }
    }
    return Status::Ok();
  };
  return InParallel(std::min(ThreadsWanted(threads), std::max<size_t>(1, n)), work);
}

Status Index::CopyRows(const uint32_t* rows, size_t n, float* out) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Grace::Reading counted(&readers_);
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
  const Grace::Reading counted(&readers_);
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

Status Index::RowsOf(const int64_t* keys, size_t n, uint32_t* out) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Grace::Reading counted(&readers_);
  for (size_t i = 0; i < n; ++i) out[i] = keys_.RowOf(keys[i]);
  return Status::Ok();
}

}  // namespace sightline
