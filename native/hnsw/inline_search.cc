#include "hnsw/inline_search.h"

#include <algorithm>
#include <limits>

namespace sightline {
namespace {

// The lowest upper level to search; level 0 is entered from there. Walking on codes costs less than
// another level of exact distances, which takes 10 of 50 us at 100,000 rows.
constexpr uint32_t kEntryLevel = 2;
constexpr uint32_t kExpandedBit = 0x80000000u;
// Removed nodes that a walk may pass through: in all, and per place of its list.
constexpr size_t kRemovedAtMost = 256;
constexpr float kNoDistance = std::numeric_limits<float>::infinity();

// Candidates sorted by distance. Two arrays, so that searching them reads distances only.
class Candidates {
 public:
  Candidates(const InlineCodeKernels& kernels, size_t places, InlineWalk* memory)
      : kernels_(kernels), places_(places) {
    memory->distances.assign(places + 1 + kListSlack, kNoDistance);
    if (memory->ids.size() < memory->distances.size()) {
      memory->ids.resize(memory->distances.size());
    }
    distances_ = memory->distances.data();
    ids_ = memory->ids.data();
  }

  // Farther candidates are dropped.
  float worst() const { return worst_; }

  void Insert(float distance, uint32_t id) {
    first_ = std::min(first_, kernels_.insert(distances_, ids_, count_, distance, id));
    if (count_ < places_) {
      ++count_;
    } else {
      distances_[places_] = kNoDistance;
    }
    if (count_ == places_) worst_ = distances_[places_ - 1];
  }

  // Distance of the next candidate, or infinity.
  float Nearest() {
    while (first_ < count_ && (ids_[first_] & kExpandedBit) != 0) ++first_;
    return first_ < count_ ? distances_[first_] : kNoDistance;
  }

  // The nearest candidate not taken yet, or kNoRow.
  uint32_t Take() {
    while (first_ < count_) {
      const uint32_t id = ids_[first_];
      ids_[first_++] |= kExpandedBit;
      if ((id & kExpandedBit) == 0) return id;
    }
    return kNoRow;
  }

 private:
  const InlineCodeKernels& kernels_;
  size_t places_;
  size_t count_ = 0;
  size_t first_ = 0;  // all before were taken
  float worst_ = kNoDistance;
  float* distances_;
  uint32_t* ids_;
};

class Walker {
 public:
  Walker(const Graph& graph, const Space& space, const InlineCodes& rows, const float* query,
         const InlineQuery& prepared, const InlineLimits& limits, uint32_t nodes, Scratch* scratch,
         std::vector<Neighbor>* out)
      : graph_(graph),
        space_(space),
        rows_(rows),
        query_(query),
        prepared_(prepared),
        limits_(limits),
        nodes_(nodes),
        scratch_(scratch),
        out_(out),
        candidates_(rows.kernels(), limits.places, &scratch->inline_walk),
        expanded_(scratch->inline_walk.expanded),
        passed_(scratch->frontier) {
    passed_.clear();
  }

  Walk Run() {
    expanded_.Begin(limits_.places);
    if (limits_.distinct) scratch_->visited.Begin(nodes_);
    for (const Neighbor& start : scratch_->starts) Offer(start.distance, start.row);
    for (uint32_t node = Next(); node != kNoRow;) {
      uint32_t next = Next();
      const Walk walk = Expand(node, next);
      if (walk != Walk::kOk) return walk;
      if (steps_over_removed_ > kRemovedAtMost + 4 * limits_.places) return Walk::kBudget;
      if (next == kNoRow) next = Next();
      node = next;
    }
    return Walk::kOk;
  }

 private:
  // The nearest candidate not expanded yet; marks it.
  uint32_t Next() {
    for (;;) {
      const uint32_t id = passed_.empty() ? candidates_.Take() : NextOfBoth();
      if (id == kNoRow || expanded_.Add(id)) return id;
    }
  }

  // Of candidates and of removed nodes.
  uint32_t NextOfBoth() {
    const Neighbor removed = passed_.front();
    if (removed.distance >= std::min(candidates_.Nearest(), candidates_.worst())) {
      return candidates_.Take();
    }
    std::pop_heap(passed_.begin(), passed_.end(), Farther);
    passed_.pop_back();
    ++steps_over_removed_;
    return removed.row;
  }
  static bool Farther(const Neighbor& a, const Neighbor& b) { return b < a; }

  static size_t Lines(const void* at, size_t bytes) {
    return ((reinterpret_cast<uintptr_t>(at) & (kCacheLine - 1)) + bytes + kCacheLine - 1) /
           kCacheLine;
  }

  FetchAhead Ahead(uint32_t node) const {
    FetchAhead ahead;
    if (node == kNoRow) return ahead;
    const auto add = [&](size_t i, const void* at, size_t bytes) {
      ahead.at[i] = static_cast<const char*>(at);
      ahead.lines[i] = Lines(at, bytes);
    };
    add(0, &rows_.Block(node, 0), rows_.stride());
    add(1, space_.row(node), space_.rows.dim * sizeof(float));
    const LinkList list = graph_.Links(node, 0);
    add(2, list.ids, list.capacity * sizeof(uint32_t));
    return ahead;
  }

  Walk Expand(uint32_t node, uint32_t next) {
    if (!space_.Trusted(node)) return Walk::kRowDamaged;
    if (!graph_.BaseOk(node)) return Walk::kGraphDamaged;
    const float distance = space_.Distance(query_, space_.row(node));
    if (IsResult(node)) out_->push_back({distance, node});
    return rows_.Current(node) ? ByCodes(node, next, distance) : ByRows(node);
  }

  bool IsResult(uint32_t node) const {
    if (node >= limits_.rows) return false;
    return limits_.allowed == nullptr || ((limits_.allowed[node >> 6] >> (node & 63)) & 1);
  }

  Walk ByCodes(uint32_t node, uint32_t next, float distance) {
    const LinkList list = graph_.Links(node, 0);
    FetchAhead ahead = Ahead(next);
    for (size_t block = 0; block < rows_.blocks(); ++block) {
      uint32_t below =
          rows_.kernels().price(prepared_.table, prepared_.total, rows_.Block(node, block),
                                distance, candidates_.worst(), ahead, prices_);
      ahead = FetchAhead{};
      const uint32_t* ids = list.ids + block * kLanes;
      for (; below != 0; below &= below - 1) {
        const size_t lane = static_cast<size_t>(__builtin_ctz(below));
        // Lanes beyond the list.
        if (block * kLanes + lane >= list.capacity) break;
        Offer(prices_[lane], LoadLink(ids + lane));
      }
    }
    return Walk::kOk;
  }

  // For a node whose links changed since it was coded: reads its neighbors' rows.
  Walk ByRows(uint32_t node) {
    const LinkList list = graph_.Links(node, 0);
    std::vector<uint32_t>& ids = scratch_->ids;
    ids.clear();
    for (uint32_t i = 0; i < list.capacity; ++i) {
      const uint32_t id = LoadLink(&list.ids[i]);
      if (id >= nodes_ || expanded_.Has(id)) continue;
      if (!space_.Trusted(id)) return Walk::kRowDamaged;
      ids.push_back(id);
    }
    scratch_->distances.resize(ids.size());
    space_.Distances(query_, ids.data(), ids.size(), scratch_->distances.data());
    for (size_t i = 0; i < ids.size(); ++i) Offer(scratch_->distances[i], ids[i]);
    return Walk::kOk;
  }

  void Offer(float distance, uint32_t id) {
    if (!(distance < candidates_.worst()) || id >= nodes_ || expanded_.Has(id)) return;
    if (limits_.distinct && !scratch_->visited.Add(id)) return;
    if (limits_.live.Removed(id)) {
      passed_.push_back({distance, id});
      std::push_heap(passed_.begin(), passed_.end(), Farther);
      return;
    }
    candidates_.Insert(distance, id);
  }

  const Graph& graph_;
  const Space& space_;
  const InlineCodes& rows_;
  const float* query_;
  const InlineQuery& prepared_;
  const InlineLimits& limits_;
  const uint32_t nodes_;
  Scratch* scratch_;
  std::vector<Neighbor>* out_;
  Candidates candidates_;
  SmallSet& expanded_;
  std::vector<Neighbor>& passed_;  // min-heap of removed nodes
  size_t steps_over_removed_ = 0;
  float prices_[kLanes];
};

}  // namespace

Walk WalkInline(const Graph& graph, const Space& space, const InlineCodes& rows, const float* query,
                const InlineQuery& prepared, const InlineLimits& limits, Scratch* scratch,
                std::vector<Neighbor>* out) {
  out->clear();
  // Entry before size, so that the entry's node is below the size.
  const EntryPoint entry = graph.entry();
  const uint32_t nodes = graph.size();
  if (!entry.exists()) return Walk::kOk;
  Walk walk =
      Approach(graph, space, query, entry, kEntryLevel, StartsOf(limits.places), nodes, scratch);
  if (walk != Walk::kOk) return walk;
  Walker walker(graph, space, rows, query, prepared, limits, nodes, scratch, out);
  walk = walker.Run();
  if (walk != Walk::kOk) return walk;
  const size_t kept = std::min(limits.keep, out->size());
  std::partial_sort(out->begin(), out->begin() + static_cast<std::ptrdiff_t>(kept), out->end());
  out->resize(kept);
  return Walk::kOk;
}

}  // namespace sightline
