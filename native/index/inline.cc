// Keeping the codes beside the links current, and searching on them. docs/adr/0009 has the figures.
#include <algorithm>
#include <atomic>

#include "hnsw/inline_search.h"
#include "index/index.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Below this all rows fit the cache and a walk on them is as fast.
constexpr uint64_t kInlineFrom = 2048;
// Nodes coded by one call: some 20 us each, so that a caller can stop between calls.
constexpr uint64_t kNodesPerCall = 16384;
// Up to this many results a list of two places for each nearly always has them all; where
// it has not, the walk on rows follows.
constexpr size_t kFewResults = 32;
// Rows asked for to see whether codes find what rows find, and the share that they may miss.
constexpr uint64_t kSuitSample = 256;
constexpr size_t kSuitNeighbors = 10;
constexpr uint64_t kSuitShare = 200;
// Nodes looked at to see whether rows repeat.
constexpr uint64_t kCopySample = 512;

}  // namespace

Status Index::ReserveInline() {
  if (storage_ != Storage::kInline) return Status::Ok();
  inline_ = std::make_unique<InlineRows>(kernels_, parameters_.metric, parameters_.dim,
                                         2 * size_t{parameters_.m}, parameters_.seed);
  return inline_->Reserve(max_rows_, &readers_);
}

// From here on nodes whose links change are marked as not coded.
void Index::WatchLinks() {
  if (inline_ != nullptr) graph_->Watch(inline_->current_words());
}

Status Index::MarkInline(uint64_t rows) {
  if (inline_ == nullptr) return Status::Ok();
  SL_RETURN_IF_ERROR(inline_->GrowMarks(rows));
  WatchLinks();
  return Status::Ok();
}

// Whether most nodes are coded, so that a walk on codes is the faster one.
void Index::CountInline() {
  if (inline_ == nullptr) return;
  const uint64_t nodes = graph_->size();
  walks_inline_ = nodes >= kInlineFrom && !copies_crowd_ && inline_suits_ &&
                  2 * inline_->CountCurrent(nodes) >= nodes;
}

const char* Index::WhyNotInline() const {
  if (graph_->size() < kInlineFrom) return "too few rows";
  if (copies_crowd_) return "copies crowd the lists";
  if (!inline_suits_) return "they do not rank the rows of this index well enough";
  return "not made yet: warm() makes them";
}

// Copies of one picture fill a list of estimates, which cannot be told to be of one distance, and
// hide the rest: 200 pictures 30 times over are found with recall 0.85 at efSearch 50, by the walk
// on rows with 0.99. So where a quarter of the links lead to copies, searches walk on rows.
void Index::LookForCopies() {
  const uint64_t nodes = graph_->size();
  const uint64_t step = std::max<uint64_t>(1, nodes / kCopySample);
  uint64_t links = 0;
  uint64_t copies = 0;
  for (uint64_t node = 0; node < nodes; node += step) {
    if (!inline_->Current(static_cast<uint32_t>(node))) continue;
    const LinkList list = graph_->Links(static_cast<uint32_t>(node), 0);
    for (uint32_t i = 0; i < list.capacity && LoadLink(&list.ids[i]) != kNoRow; ++i) {
      ++links;
      const LinkBlock& block = inline_->Block(static_cast<uint32_t>(node), i / kLanes);
      // No length, no slope.
      copies += block.slope[i % kLanes] == 0;
    }
  }
  copies_crowd_ = copies * 4 > links;
}

// Some rows are searched for on codes and on rows: where codes find clearly less (few dimensions,
// lengths that differ by orders, clusters that only the levels they leave out lead to) searches
// walk on rows.
void Index::MeasureInline() {
  inline_suits_ = true;
  const uint64_t nodes = graph_->size();
  const uint64_t step = std::max<uint64_t>(1, nodes / kSuitSample);
  const Space space = MakeSpace();
  SearchOptions options;
  options.k = kSuitNeighbors;
  SearchLimits limits;
  limits.k = options.k;
  limits.ef = options.ef;
  uint64_t by_codes = 0;
  uint64_t by_rows = 0;
  try {
    ScratchPool::Lease scratch(&scratches_);
    std::vector<Neighbor> found;
    for (uint64_t node = 0; node < nodes; node += step) {
      const float* query = space.row(static_cast<uint32_t>(node));
      if (!space.Trusted(static_cast<uint32_t>(node)) ||
          WalkCodes(query, options, options.ef, nullptr, nodes, nodes, nodes, &*scratch) !=
              Walk::kOk) {
        return;
      }
      found = scratch->hits;
      if (SearchGraph(*graph_, space, query, limits, &*scratch, &scratch->hits) != Walk::kOk) {
        return;
      }
      std::vector<Neighbor>& hits = scratch->hits;
      hits.resize(std::min(hits.size(), options.k));
      std::vector<Neighbor> both(found);
      both.insert(both.end(), hits.begin(), hits.end());
      std::sort(both.begin(), both.end());
      both.erase(std::unique(both.begin(), both.end()), both.end());
      if (both.size() < options.k) continue;
      const float worst = both[options.k - 1].distance;
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
  inline_suits_ = by_codes + by_rows / kSuitShare >= by_rows;
}

uint64_t Index::uncoded() const {
  Reading reading;
  if (!Enter(&reading).ok()) return 0;
  const Grace::Reading counted(&readers_);
  if (inline_ == nullptr) return UncodedRows();
  const uint64_t nodes = graph_->size();
  return nodes < kInlineFrom ? 0 : nodes - std::min(nodes, inline_->CountCurrent(nodes));
}

// All rows turned, when so many nodes are to be coded that it saves more than it costs; else
// nullptr. Kept from call to call until the last node was looked at.
const uint16_t* Index::TurnedRows(const VectorView& view, size_t due, size_t threads) {
  if (turned_rows_ == view.count) return turned_.data();
  // Every node's neighbors would be turned one by one: some 20 of them.
  if (due * 16 < view.count || !rows_.EnsureTrusted(0, view.count).ok()) return nullptr;
  DropTurned();
  const size_t stride = inline_->turned_stride();
  if (!turned_.Reserve(view.count * stride).ok() || !turned_.Grow(view.count * stride).ok()) {
    return nullptr;
  }
  std::atomic<uint64_t> next{0};
  const auto work = [&] {
    InlineRows::Scratch scratch;
    for (uint64_t row = next.fetch_add(1); row < view.count && !Exiting();
         row = next.fetch_add(1)) {
      inline_->Turn(view, static_cast<uint32_t>(row), &scratch, turned_.data() + row * stride);
    }
    return Exiting() ? ExitingStatus() : Status::Ok();
  };
  if (!InParallel(ThreadsFor(threads, view.count, 1024), work, true).ok()) return nullptr;
  turned_rows_ = view.count;
  return turned_.data();
}

void Index::DropTurned() {
  turned_ = GrowingArray<uint16_t>();
  turned_rows_ = 0;
}

Status Index::Code(uint64_t first, size_t threads, uint64_t* next) {
  const std::lock_guard<std::mutex> writing(writer_);
  Reading reading;
  SL_RETURN_IF_ERROR(Enter(&reading));
  const uint32_t nodes = graph_->size();
  *next = nodes;
  if (inline_ == nullptr) return CodeRows(threads, next);
  if (first >= nodes || nodes < kInlineFrom) return Status::Ok();
  std::vector<uint32_t> due;
  for (; first < nodes && due.size() < kNodesPerCall; ++first) {
    if (!inline_->Current(static_cast<uint32_t>(first))) {
      due.push_back(static_cast<uint32_t>(first));
    }
  }
  *next = first;
  SL_RETURN_IF_ERROR(inline_->Grow(nodes));
  VectorView view = rows_.view();
  view.count = nodes;
  if (!inline_->centred()) {
    SL_RETURN_IF_ERROR(rows_.EnsureTrusted(0, nodes));
    inline_->Centre(view);
  }
  const uint16_t* turned = TurnedRows(view, due.size(), threads);
  // Who began to read one of these while it was current has to be gone before it is written.
  readers_.Wait();
  const Space space = MakeSpace();
  std::atomic<size_t> at{0};
  const auto work = [&] {
    InlineRows::Scratch scratch;
    for (size_t i = at.fetch_add(1); i < due.size() && !Exiting(); i = at.fetch_add(1)) {
      CodeNode(space, view, turned, due[i], &scratch);
    }
    return Exiting() ? ExitingStatus() : Status::Ok();
  };
  const Status coded = InParallel(ThreadsFor(threads, due.size(), 256), work, true);
  if (*next == nodes) DropTurned();
  LookForCopies();
  if (*next == nodes) MeasureInline();
  CountInline();
  return coded;
}

// A node near damage stays uncoded: searches read its neighbors' rows and report what they meet.
void Index::CodeNode(const Space& space, const VectorView& view, const uint16_t* turned,
                     uint32_t node, InlineRows::Scratch* scratch) {
  if (!space.Trusted(node) || !graph_->BaseOk(node)) return;
  const LinkList list = graph_->Links(node, 0);
  uint32_t ids[2 * kMaxM];
  uint32_t n = 0;
  for (; n < list.capacity; ++n) {
    ids[n] = LoadLink(&list.ids[n]);
    if (ids[n] >= view.count) break;
    if (!space.Trusted(ids[n])) return;
  }
  inline_->Encode(view, turned, node, ids, n, scratch);
  inline_->SetCurrent(node);
}

// Fills scratch->hits.
Walk Index::WalkCodes(const float* query, const SearchOptions& options, size_t ef,
                      const uint64_t* allowed, uint64_t n, uint64_t nodes, uint64_t matches,
                      Scratch* scratch) const {
  const bool filters = options.filter != nullptr;
  // To find k among those allowed, as many as k are of them all have to be met.
  const size_t near = filters ? static_cast<size_t>(std::min<uint64_t>(
                                    nodes, (uint64_t{options.k} * nodes + matches - 1) / matches))
                              : options.k;
  InlineLimits limits;
  limits.places = 2 * ef + 2 * (near - std::min(near, options.k));
  limits.keep = options.k;
  // Nodes stand in the list more than once, so that fewer than half of its places are results. Many
  // results of a short list need a place each, and some to spare, because estimates are too rough
  // to tell the best hundred from the next. (k 100 of 5,000 rows of 64 floats, efSearch 100: recall
  // 0.82 with 200 places, each once.)
  limits.distinct = near > kFewResults && 4 * near > limits.places;
  limits.places = limits.distinct ? limits.places + 2 * near : std::max(limits.places, 2 * near);
  limits.rows = n;
  limits.allowed = allowed;
  if (allowed != nullptr && !filters) limits.live = {allowed, n};
  inline_->Prepare(query, &scratch->inline_walk.query);
  const Space space = MakeSpace();
  return WalkInline(*graph_, space, *inline_, query, scratch->inline_walk.query, limits, scratch,
                    &scratch->hits);
}

}  // namespace sightline
