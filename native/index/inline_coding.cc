#include "index/inline_coding.h"

#include <algorithm>
#include <new>

#include "hnsw/inline_search.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Fewer rows fit the cache, and walking on them is as fast.
constexpr uint64_t kInlineFrom = 2048;
// Nodes per call, at about 20 us each: a caller can stop between calls.
constexpr uint64_t kNodesPerCall = 16384;
// Up to this many results, a list with two places per result nearly always suffices; else a walk on
// rows follows.
constexpr size_t kFewResults = 32;
// Rows searched for to compare codes with rows, and the share that codes may miss.
constexpr uint64_t kSuitSample = 256;
constexpr size_t kSuitNeighbors = 10;
constexpr size_t kSuitEf = 50;
constexpr uint64_t kSuitShare = 200;
// Nodes examined for copies.
constexpr uint64_t kCopySample = 512;

}  // namespace

InlineCoding::InlineCoding(const IndexParameters& parameters, RowStore* rows, Epoch* readers,
                           ScratchPool* scratches)
    : parameters_(parameters), rows_(rows), readers_(readers), scratches_(scratches) {}

Status InlineCoding::Reserve(const KernelTable* kernels, uint64_t max_rows) {
  codes_ = std::make_unique<InlineCodes>(kernels, parameters_.metric, parameters_.dim,
                                         2 * size_t{parameters_.m}, parameters_.seed);
  return codes_->Reserve(max_rows, readers_);
}

void InlineCoding::Watch(Graph* graph) {
  if (reserved()) graph->Watch(codes_->current_words());
}

Status InlineCoding::Mark(uint64_t nodes, Graph* graph) {
  if (!reserved()) return Status::Ok();
  SL_RETURN_IF_ERROR(codes_->GrowMarks(nodes));
  Watch(graph);
  return Status::Ok();
}

void InlineCoding::Count(const Graph& graph) {
  if (!reserved()) return;
  const uint64_t nodes = graph.size();
  walks_ =
      nodes >= kInlineFrom && !copies_crowd_ && suits_ && 2 * codes_->CountCurrent(nodes) >= nodes;
}

uint64_t InlineCoding::Uncoded(const Graph& graph) const {
  const uint64_t nodes = graph.size();
  return nodes < kInlineFrom ? 0 : nodes - std::min(nodes, codes_->CountCurrent(nodes));
}

void InlineCoding::Forget(uint64_t first) {
  if (reserved()) codes_->Forget(first);
  DropTurned();
}

void InlineCoding::Release() {
  codes_.reset();
  DropTurned();
}

const char* InlineCoding::WhyNot(const Graph& graph) const {
  if (graph.size() < kInlineFrom) return "too few rows";
  if (copies_crowd_) return "copies crowd the lists";
  if (!suits_) return "they do not rank the rows of this index well enough";
  return "not made yet: warm() makes them";
}

// Copies of one picture fill a list of estimates and hide the rest, because their estimates differ:
// 200 pictures with 30 copies each have recall 0.85 at efSearch 50, by the walk on rows 0.99. If a
// quarter of the links lead to copies, searches walk on rows.
void InlineCoding::LookForCopies(const Graph& graph) {
  const uint64_t nodes = graph.size();
  const uint64_t step = std::max<uint64_t>(1, nodes / kCopySample);
  uint64_t links = 0;
  uint64_t copies = 0;
  for (uint64_t node = 0; node < nodes; node += step) {
    if (!codes_->Current(static_cast<uint32_t>(node))) continue;
    const LinkList list = graph.Links(static_cast<uint32_t>(node), 0);
    for (uint32_t i = 0; i < list.capacity && LoadLink(&list.ids[i]) != kNoRow; ++i) {
      ++links;
      const InlineBlock& block = codes_->Block(static_cast<uint32_t>(node), i / kLanes);
      // A copy has a difference of length 0, and so slope 0.
      copies += block.slope[i % kLanes] == 0;
    }
  }
  copies_crowd_ = copies * 4 > links;
}

// Searches for a sample of rows on codes and on rows. If codes find clearly less (few dimensions,
// very different lengths, clusters reachable only through upper levels), searches walk on rows.
void InlineCoding::Measure(const Graph& graph, const Space& space) {
  suits_ = true;
  const uint64_t nodes = graph.size();
  const uint64_t step = std::max<uint64_t>(1, nodes / kSuitSample);
  Plan plan;
  plan.k = plan.wanted = kSuitNeighbors;
  plan.ef = kSuitEf;
  plan.rows = plan.nodes = plan.matches = nodes;
  SearchLimits limits;
  limits.k = plan.k;
  limits.ef = plan.ef;
  uint64_t by_codes = 0;
  uint64_t by_rows = 0;
  try {
    ScratchPool::Lease scratch(scratches_);
    std::vector<Neighbor> found;
    for (uint64_t node = 0; node < nodes; node += step) {
      const float* query = space.row(static_cast<uint32_t>(node));
      if (!space.Trusted(static_cast<uint32_t>(node)) ||
          WalkGraph(graph, space, query, plan, &*scratch) != Walk::kOk) {
        return;
      }
      found = scratch->hits;
      if (SearchGraph(graph, space, query, limits, &*scratch, &scratch->hits) != Walk::kOk) {
        return;
      }
      std::vector<Neighbor>& hits = scratch->hits;
      hits.resize(std::min(hits.size(), plan.k));
      std::vector<Neighbor> both(found);
      both.insert(both.end(), hits.begin(), hits.end());
      std::sort(both.begin(), both.end());
      both.erase(std::unique(both.begin(), both.end()), both.end());
      if (both.size() < plan.k) continue;
      const float worst = both[plan.k - 1].distance;
      const auto count = [worst](const std::vector<Neighbor>& of) {
        return static_cast<uint64_t>(std::count_if(
            of.begin(), of.end(), [worst](const Neighbor& hit) { return hit.distance <= worst; }));
      };
      by_codes += count(found);
      by_rows += count(hits);
    }
  } catch (const std::bad_alloc&) {
    return;
  }
  suits_ = by_codes + by_rows / kSuitShare >= by_rows;
}

// All rows rotated, if so many nodes are to be coded that this saves time; else nullptr. Kept
// between calls until the last node is coded.
const uint16_t* InlineCoding::TurnedRows(const VectorView& view, size_t due, size_t threads) {
  if (turned_rows_ == view.count) return turned_.data();
  // Without this, the neighbors of every node are rotated, about 20 each.
  if (due * 16 < view.count || !rows_->EnsureTrusted(0, view.count).ok()) return nullptr;
  DropTurned();
  const size_t stride = codes_->turned_stride();
  if (!turned_.Reserve(view.count * stride).ok() || !turned_.Grow(view.count * stride).ok()) {
    return nullptr;
  }
  std::atomic<uint64_t> next{0};
  const auto work = [&] {
    InlineCodes::Scratch scratch;
    for (uint64_t row = next.fetch_add(1); row < view.count && !Exiting();
         row = next.fetch_add(1)) {
      codes_->Turn(view, static_cast<uint32_t>(row), &scratch, turned_.data() + row * stride);
    }
    return Exiting() ? ExitingStatus() : Status::Ok();
  };
  if (!InParallel(ThreadsFor(threads, view.count, 1024), work, true).ok()) return nullptr;
  turned_rows_ = view.count;
  return turned_.data();
}

void InlineCoding::DropTurned() {
  turned_ = GrowingArray<uint16_t>();
  turned_rows_ = 0;
}

Status InlineCoding::Next(uint64_t first, size_t threads, const Graph& graph, const Space& space,
                          uint64_t* next) {
  const uint32_t nodes = graph.size();
  *next = nodes;
  if (first >= nodes || nodes < kInlineFrom) return Status::Ok();
  std::vector<uint32_t> due;
  for (; first < nodes && due.size() < kNodesPerCall; ++first) {
    if (!codes_->Current(static_cast<uint32_t>(first))) {
      due.push_back(static_cast<uint32_t>(first));
    }
  }
  *next = first;
  SL_RETURN_IF_ERROR(codes_->Grow(nodes));
  VectorView view = rows_->view();
  view.count = nodes;
  if (!codes_->centred()) {
    SL_RETURN_IF_ERROR(rows_->EnsureTrusted(0, nodes));
    codes_->Centre(view);
  }
  const uint16_t* turned = TurnedRows(view, due.size(), threads);
  // Readers that began while these nodes were current must have left.
  readers_->Wait();
  std::atomic<size_t> at{0};
  const auto work = [&] {
    InlineCodes::Scratch scratch;
    for (size_t i = at.fetch_add(1); i < due.size() && !Exiting(); i = at.fetch_add(1)) {
      CodeNode(graph, space, view, turned, due[i], &scratch);
    }
    return Exiting() ? ExitingStatus() : Status::Ok();
  };
  const Status coded = InParallel(ThreadsFor(threads, due.size(), 256), work, true);
  if (*next == nodes) DropTurned();
  LookForCopies(graph);
  if (*next == nodes) Measure(graph, space);
  Count(graph);
  return coded;
}

// A node with a damaged neighbor stays uncoded: searches read the rows and report the damage.
void InlineCoding::CodeNode(const Graph& graph, const Space& space, const VectorView& view,
                            const uint16_t* turned, uint32_t node, InlineCodes::Scratch* scratch) {
  if (!space.Trusted(node) || !graph.BaseOk(node)) return;
  const LinkList list = graph.Links(node, 0);
  uint32_t ids[2 * kMaxM];
  uint32_t n = 0;
  for (; n < list.capacity; ++n) {
    ids[n] = LoadLink(&list.ids[n]);
    if (ids[n] >= view.count) break;
    if (!space.Trusted(ids[n])) return;
  }
  codes_->Encode(view, turned, node, ids, n, scratch);
  codes_->SetCurrent(node);
}

Walk InlineCoding::WalkGraph(const Graph& graph, const Space& space, const float* query,
                             const Plan& plan, Scratch* scratch) const {
  // To find k allowed rows, proportionally more rows must be met.
  const size_t near =
      plan.filters
          ? static_cast<size_t>(std::min<uint64_t>(
                plan.nodes, (uint64_t{plan.k} * plan.nodes + plan.matches - 1) / plan.matches))
          : plan.k;
  InlineLimits limits;
  limits.places = 2 * plan.ef + 2 * (near - std::min(near, plan.k));
  limits.keep = plan.k;
  // Nodes are repeated in the list, so fewer than half of its places are results. Many results of a
  // short list need distinct places and more of them, because estimates hardly separate the best
  // hundred from the next. (k 100 of 5,000 rows of 64 floats, efSearch 100: recall 0.82 with 200
  // distinct places.)
  limits.distinct = near > kFewResults && 4 * near > limits.places;
  limits.places = limits.distinct ? limits.places + 2 * near : std::max(limits.places, 2 * near);
  limits.rows = plan.rows;
  limits.allowed = plan.allowed;
  limits.live = plan.live();
  codes_->Prepare(query, &scratch->inline_walk.query);
  return WalkInline(graph, space, *codes_, query, scratch->inline_walk.query, limits, scratch,
                    &scratch->hits);
}

}  // namespace sightline
