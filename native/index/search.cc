// Searching by a plan, and the fallbacks if it does not find enough.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/yield_point.h"
#include "exact/exact_scan.h"
#include "index/code_search.h"
#include "index/index.h"
#include "index/vectors.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// From the kernels' ordering distance to that of the facade.
float DistanceOf(Metric metric, float ordering) {
  switch (metric) {
    case Metric::kCosine:
      // Rows and queries are unit vectors up to rounding, so the cosine may slightly exceed [-1,
      // 1].
      return std::min(2.0f, std::max(0.0f, 1.0f + ordering));
    case Metric::kEuclidean:
      return std::sqrt(ordering);
    case Metric::kDot:
      break;
  }
  return ordering;
}

// words: live rows of `keys` that the filter allows. Returns their number.
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
    // Excludes rows added since `rows` was read.
    if (i == size - 1 && rows % 64 != 0) word &= (uint64_t{1} << (rows % 64)) - 1;
    (*words)[i] = word;
    matches += static_cast<uint64_t>(__builtin_popcountll(word));
  }
  return matches;
}

// Repeats if rows were replaced meanwhile: a search sees all old rows of an update or all new ones.
uint64_t CompileAllowed(const KeyTable& keys, uint64_t rows, const SearchOptions& options,
                        std::vector<uint64_t>* words) {
  for (;;) {
    const uint64_t before = keys.swaps();
    const uint64_t matches = CompileOnce(keys, rows, options, words);
    if (before % 2 == 0 && keys.swaps() == before) return matches;
  }
}

}  // namespace

// A running query; it is counted as a reader.
class Index::Query {
 public:
  explicit Query(const Index& index)
      : index_(index), lease_(&index.scratches_), scratch_(*lease_) {}
  Status Run(const float* query, const SearchOptions& options, uint32_t* rows, float* distances,
             size_t* found);

 private:
  Status Ask(const SearchOptions& options);
  // All of these fill scratch_.hits.
  Status SearchRows();
  Status SearchCodes(const RowCodes& codes);
  Status WalkGraph(const RowCodes* codes, bool* scan);
  Status ScanRows();
  Status RowDamaged() const;

  const Index& index_;
  ScratchPool::Lease lease_;
  Scratch& scratch_;
  const float* query_ = nullptr;
  Plan plan_;
};

Status Index::Query::RowDamaged() const {
  return Status(StatusCode::kFileCorrupt,
                index_.path_ + ": a row that the search needs does not match its checksum");
}

// Fills the plan; scratch_.words gets the allowed rows, unless all are.
Status Index::Query::Ask(const SearchOptions& options) {
  const KeyTable& keys = index_.keys_;
  // In this order, see KeyTable::live().
  plan_.matches = keys.live();
  SL_YIELD_POINT();
  plan_.rows = keys.rows();
  plan_.filters = options.filter != nullptr;
  if (plan_.filters || plan_.matches < plan_.rows) {
    plan_.matches = CompileAllowed(keys, plan_.rows, options, &scratch_.words);
    plan_.allowed = scratch_.words.data();
    if (plan_.filters && options.filter_changes != kAnyChanges &&
        options.filter_changes != keys.changes()) {
      return Status(StatusCode::kBusy, "keys changed since the filter was made");
    }
  }
  // Unlinked rows are not in the graph.
  const uint64_t unlinked = std::min<uint64_t>(plan_.rows, index_.unlinked_.count());
  plan_.nodes = std::max(plan_.matches, plan_.rows - unlinked);
  plan_.k = options.k;
  plan_.ef = std::max(options.ef, options.k);
  plan_.wanted = static_cast<size_t>(std::min<uint64_t>(options.k, plan_.matches));
  return Status::Ok();
}

Status Index::Query::ScanRows() {
  if (plan_.allowed == nullptr) {
    SL_RETURN_IF_ERROR(index_.rows_.EnsureTrusted(0, plan_.rows));
  } else {
    for (uint64_t i = 0; i < (plan_.rows + 63) / 64; ++i) {
      for (uint64_t word = plan_.allowed[i]; word != 0; word &= word - 1) {
        const uint64_t row = i * 64 + static_cast<uint64_t>(__builtin_ctzll(word));
        SL_RETURN_IF_ERROR(index_.rows_.EnsureTrusted(row, row + 1));
      }
    }
  }
  VectorView view = index_.rows_.view();
  view.count = plan_.rows;
  TopK top(plan_.wanted);
  ExactScan(*index_.kernels_, index_.parameters_.metric, view, nullptr, query_, plan_.allowed,
            &top);
  if (Exiting()) return ExitingStatus();
  scratch_.hits = top.TakeSorted();
  return Status::Ok();
}

// Fills scratch_.hits by the graph, or sets *scan if a scan is needed.
Status Index::Query::WalkGraph(const RowCodes* codes, bool* scan) {
  std::vector<Neighbor>& hits = scratch_.hits;
  if (plan_.on_inline) {
    const Walk walk = index_.inline_codes_.WalkGraph(*index_.graph_, index_.MakeSpace(), query_,
                                                     plan_, &scratch_);
    if (walk == Walk::kOk && !index_.graph_->base_range().Cut() && hits.size() >= plan_.wanted) {
      return Status::Ok();
    }
    // The walk on rows finds what is missing, and reports damage.
  }
  SearchLimits limits;
  limits.k = plan_.k;
  limits.ef = plan_.ef;
  limits.allowed = plan_.filters ? plan_.allowed : nullptr;
  limits.allowed_rows = plan_.rows;
  limits.budget = plan_.budget();
  limits.over_others = plan_.steps_over && codes == nullptr;
  SL_YIELD_POINT();
  Space space = index_.MakeSpace();
  space.codes = codes;
  space.query_code = &scratch_.query_code;
  space.live = plan_.live();
  const Walk walk = SearchGraph(*index_.graph_, space, query_, limits, &scratch_, &hits);
  if (walk == Walk::kRowDamaged) return RowDamaged();
  if (walk == Walk::kBudget) *scan = true;
  if (walk == Walk::kGraphDamaged || index_.graph_->base_range().Cut()) {
    // All further searches of this handle scan.
    index_.graph_damaged_.store(true, std::memory_order_relaxed);
    *scan = true;
  }
  // Nodes that are just being linked may be beyond the plan's rows.
  hits.erase(std::remove_if(hits.begin(), hits.end(),
                            [&](const Neighbor& hit) {
                              return hit.row >= plan_.rows || space.live.Removed(hit.row);
                            }),
             hits.end());
  return Status::Ok();
}

// Searches on rows, or first on inline codes if there are any.
Status Index::Query::SearchRows() {
  bool scan = plan_.scan;
  if (!scan) {
    SL_RETURN_IF_ERROR(WalkGraph(nullptr, &scan));
    scan |= scratch_.hits.size() < plan_.wanted;
  }
  return scan ? ScanRows() : Status::Ok();
}

// Searches on row codes, and on rows if these are not sure.
Status Index::Query::SearchCodes(const RowCodes& codes) {
  std::vector<Neighbor>& hits = scratch_.hits;
  std::vector<Neighbor> walked;
  codes.Prepare(query_, &scratch_.query_code);
  bool sure = true;
  bool scan = plan_.scan;
  if (!scan) {
    SL_RETURN_IF_ERROR(WalkGraph(&codes, &scan));
    scan |= hits.size() < plan_.wanted;
  }
  if (!scan) {
    const Walk ranked = Rerank(index_.MakeSpace(), query_, scratch_.query_code, plan_.wanted,
                               plan_.ef, &hits, &sure);
    if (ranked != Walk::kOk) return RowDamaged();
    // The query is farther from all rows than rows are from each other, as a text among pictures
    // is. Walks miss one in ten of its neighbors at any ef.
    scan = !plan_.filters && hits[plan_.wanted - 1].distance > index_.row_codes_.reach();
    if (scan || !sure) walked = hits;
  }
  if (scan) {
    const Walk scanned =
        ScanCodes(index_.MakeSpace(), query_, codes, plan_, walked, &scratch_, &sure);
    if (scanned != Walk::kOk) return RowDamaged();
    // Without a filter there is a walk to fall back on.
    scan = !sure && plan_.filters;
    walked = hits;
  }
  if (sure) return Status::Ok();
  if (!scan) {
    SL_RETURN_IF_ERROR(WalkGraph(nullptr, &scan));
    hits.insert(hits.end(), walked.begin(), walked.end());
    std::sort(hits.begin(), hits.end());
    hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  }
  return scan ? ScanRows() : Status::Ok();
}

Status Index::Query::Run(const float* query, const SearchOptions& options, uint32_t* rows,
                         float* distances, size_t* found) {
  const IndexParameters& parameters = index_.parameters_;
  *found = 0;
  double length = 0;
  SL_RETURN_IF_ERROR(CheckVector(query, parameters, "the query", &length));
  scratch_.query.assign(query, query + parameters.dim);
  if (parameters.unit_rows()) Normalise(scratch_.query.data(), parameters.dim, length);
  query_ = scratch_.query.data();
  SL_RETURN_IF_ERROR(Ask(options));
  if (plan_.wanted == 0) return Status::Ok();
  std::shared_ptr<const RowCodes> codes;
  if (!options.exact && plan_.matches > kAlwaysScan) codes = index_.row_codes_.ForSearch();
  const bool damaged = index_.graph_damaged_.load(std::memory_order_relaxed);
  plan_.Decide(options.exact || damaged, codes != nullptr, index_.inline_codes_.walks());
  SL_RETURN_IF_ERROR(codes == nullptr ? SearchRows() : SearchCodes(*codes));
  SL_RETURN_IF_ERROR(index_.rows_.CheckCut());
  const std::vector<Neighbor>& hits = scratch_.hits;
  const size_t count = std::min(plan_.wanted, hits.size());
  for (size_t i = 0; i < count; ++i) {
    const float distance = DistanceOf(parameters.metric, hits[i].distance);
    if (!(distance <= options.threshold)) break;
    rows[i] = hits[i].row;
    distances[i] = distance;
    ++*found;
  }
  return Status::Ok();
}

Space Index::MakeSpace() const {
  Space space;
  space.rows = rows_.view();
  space.kernels = kernels_;
  space.metric = parameters_.metric;
  space.guard = rows_.guard();
  return space;
}

Status Index::Search(const float* query, const SearchOptions& options, uint32_t* rows,
                     float* distances, double* keys, size_t* found) const {
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const Epoch::Guard counted(&readers_);
  SL_RETURN_IF_ERROR(Query(*this).Run(query, options, rows, distances, found));
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
      // Counted per query: a writer may wait for readers.
      const Epoch::Guard counted(&readers_);
      const Status status =
          Query(*this).Run(queries + i * parameters_.dim, options, rows + i * options.k,
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

}  // namespace sightline
