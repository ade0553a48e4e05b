#include "hnsw/search.h"

#include <algorithm>

#include "core/yield_point.h"

namespace sightline {
namespace {

// The pool marks expanded candidates in the top bit of the row number; rows are below 2^28.
constexpr uint32_t kExpanded = 0x80000000u;
// Marks removed candidates, which take no place.
constexpr uint32_t kPassed = 0x40000000u;
constexpr uint32_t kRowBits = ~(kExpanded | kPassed);

bool Farther(const Neighbor& a, const Neighbor& b) { return b < a; }

// Computes scratch->distances of scratch->ids.
void Compare(const Space& space, const float* query, Scratch* scratch) {
  scratch->distances.resize(scratch->ids.size());
  space.Distances(query, scratch->ids.data(), scratch->ids.size(), scratch->distances.data());
}

// Gathers the unvisited neighbors of `node` into scratch->ids. Every id is compared with `nodes`,
// so that a hostile file causes no read out of bounds; the cost is not measurable.
Walk Gather(const Graph& graph, const Space& space, uint32_t node, uint32_t level, uint32_t nodes,
            Scratch* scratch) {
  scratch->ids.clear();
  if (level == 0) {
    if (!graph.BaseOk(node)) return Walk::kGraphDamaged;
  } else if (graph.LevelOf(node) < level) {
    return Walk::kOk;  // only a hostile file links to a node on a level it does not have
  }
  const LinkList list = graph.Links(node, level);
  for (uint32_t i = 0; i < list.capacity; ++i) {
    if (i == list.capacity / 2) SL_YIELD_POINT();
    const uint32_t id = LoadLink(&list.ids[i]);
    if (id >= nodes) {
      if (id == kNoRow) break;
      continue;
    }
    if (!scratch->visited.Add(id)) continue;
    if (!space.Trusted(id)) return Walk::kRowDamaged;
    space.Fetch(id);
    scratch->ids.push_back(id);
  }
  return Walk::kOk;
}

// Gathers the allowed neighbors of `node`, and those of the others, up to the capacity of a list.
template <typename Allowed>
Walk GatherOver(const Graph& graph, const Space& space, const Allowed& allowed, uint32_t node,
                uint32_t nodes, Scratch* scratch) {
  std::vector<uint32_t>& ids = scratch->ids;
  std::vector<uint32_t>& others = scratch->others;
  ids.clear();
  others.clear();
  const auto look = [&](const LinkList& list, bool behind) {
    for (uint32_t i = 0; i < list.capacity; ++i) {
      const uint32_t id = LoadLink(&list.ids[i]);
      if (id >= nodes) {
        if (id == kNoRow) break;
        continue;
      }
      if (!allowed(id)) {
        // Excluded nodes two steps away are not marked: they may be stepped over later.
        if (behind || !scratch->visited.Add(id)) continue;
        graph.FetchBase(id);
        others.push_back(id);
        continue;
      }
      if (!scratch->visited.Add(id)) continue;
      if (!space.Trusted(id)) return false;
      space.Fetch(id);
      ids.push_back(id);
    }
    return true;
  };
  if (!graph.BaseOk(node)) return Walk::kGraphDamaged;
  const LinkList links = graph.Links(node, 0);
  if (!look(links, false)) return Walk::kRowDamaged;
  for (const uint32_t other : others) {
    if (ids.size() >= links.capacity) break;
    if (!graph.BaseOk(other)) return Walk::kGraphDamaged;
    if (!look(graph.Links(other, 0), true)) return Walk::kRowDamaged;
  }
  return Walk::kOk;
}

Walk Expand(const Graph& graph, const Space& space, const float* query, uint32_t node,
            uint32_t level, uint32_t nodes, Scratch* scratch) {
  const Walk walk = Gather(graph, space, node, level, nodes, scratch);
  if (walk == Walk::kOk) Compare(space, query, scratch);
  return walk;
}

// Collects allowed nodes only but walks through all: without the others the graph falls apart. Ends
// when the nearest open node is farther than the worst of ef collected ones.
Walk SearchFiltered(const Graph& graph, const Space& space, const float* query,
                    const SearchLimits& limits, uint32_t nodes, Scratch* scratch,
                    std::vector<Neighbor>* out) {
  // Nodes added later are beyond the bitset.
  const auto allowed = [&](uint32_t id) {
    return id < limits.allowed_rows && ((limits.allowed[id >> 6] >> (id & 63)) & 1) != 0;
  };
  std::vector<Neighbor>& open = scratch->frontier;
  TopK found(limits.ef);
  open = scratch->starts;  // sorted, so a heap
  scratch->visited.Begin(nodes);
  for (const Neighbor& start : open) {
    scratch->visited.Add(start.row);
    if (allowed(start.row)) found.push(start.distance, start.row);
  }
  size_t compared = open.size();
  while (!open.empty()) {
    const Neighbor nearest = open.front();
    if (found.full() && nearest.distance > found.worst()) break;
    if (compared > limits.budget) return Walk::kBudget;
    std::pop_heap(open.begin(), open.end(), Farther);
    open.pop_back();
    const Walk walk = limits.over_others
                          ? GatherOver(graph, space, allowed, nearest.row, nodes, scratch)
                          : Gather(graph, space, nearest.row, 0, nodes, scratch);
    if (walk != Walk::kOk) return walk;
    Compare(space, query, scratch);
    compared += scratch->ids.size();
    for (size_t i = 0; i < scratch->ids.size(); ++i) {
      const Neighbor seen{scratch->distances[i], scratch->ids[i]};
      if (found.full() && !(seen.distance <= found.worst())) continue;
      open.push_back(seen);
      std::push_heap(open.begin(), open.end(), Farther);
      if (allowed(seen.row)) found.push(seen.distance, seen.row);
    }
  }
  *out = found.TakeSorted();
  return Walk::kOk;
}

}  // namespace

Walk Descend(const Graph& graph, const Space& space, const float* query, uint32_t from,
             uint32_t down_to, uint32_t nodes, Scratch* scratch, uint32_t* node, float* distance) {
  for (uint32_t level = from; level > down_to; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      scratch->visited.Begin(nodes);
      const Walk walk = Expand(graph, space, query, *node, level, nodes, scratch);
      if (walk != Walk::kOk) return walk;
      for (size_t i = 0; i < scratch->ids.size(); ++i) {
        if (scratch->distances[i] < *distance) {
          *distance = scratch->distances[i];
          *node = scratch->ids[i];
          moved = true;
        }
      }
    }
  }
  return Walk::kOk;
}

namespace {

// The candidates of SearchLayer, sorted by distance only, because rows carry flags; ties are
// ordered at the end.
class Pool {
 public:
  Pool(const PoolLimits& limits, const LiveRows& live, std::vector<Neighbor>* pool)
      : limits_(limits), live_(live), pool_(*pool) {
    pool_.clear();
  }

  // Returns its place, or kNowhere.
  static constexpr size_t kNowhere = ~size_t{0};
  // *next: the place of the next candidate to expand; adjusted if an earlier one is dropped.
  size_t Offer(float distance, uint32_t row, size_t* next) {
    const bool full = distinct_ >= limits_.ef;
    if (full && !(distance < pool_.back().distance)) return kNowhere;
    const auto at = std::upper_bound(
        pool_.begin(), pool_.end(), distance,
        [](float value, const Neighbor& candidate) { return value < candidate.distance; });
    const size_t place = static_cast<size_t>(at - pool_.begin());
    if (live_.Removed(row)) {
      pool_.insert(at, Neighbor{distance, row | kPassed});
      ++passed_;
      return place;
    }
    size_t copies = 0;
    for (size_t i = place; i > 0 && pool_[i - 1].distance == distance; --i) {
      copies += (pool_[i - 1].row & kPassed) == 0;
      if (copies == limits_.copies) break;
    }
    // Another row at a distance that already has enough; the nearest ef are kept in any case.
    if (copies == limits_.copies && place >= limits_.ef + passed_) return kNowhere;
    if (copies == 0) ++distinct_;
    pool_.insert(at, Neighbor{distance, row});
    if (passed_ == 0) DropCrowded(next);
    if (distinct_ > limits_.ef) DropWorst();
    // A full pool ends with a candidate that counts.
    while (distinct_ == limits_.ef && IsPassed(pool_.back())) PopPassed();
    return place;
  }

  // Number of nearest candidates to expand.
  size_t wanted() const {
    const size_t least = std::min(pool_.size(), limits_.expand);
    return std::min(pool_.size(), least + passed_);
  }

  void Finish() {
    if (passed_ > 0 && passed_ < pool_.size()) {
      pool_.erase(std::remove_if(pool_.begin(), pool_.end(), IsPassed), pool_.end());
    }
    for (Neighbor& candidate : pool_) candidate.row &= kRowBits;
    std::sort(pool_.begin(), pool_.end());
  }

 private:
  // Beyond the nearest ef, only `copies` candidates per distance are kept.
  void DropCrowded(size_t* next) {
    const size_t ef = limits_.ef;
    if (pool_.size() <= ef || ef < limits_.copies) return;
    if (pool_[ef - limits_.copies].distance != pool_[ef].distance) return;
    pool_.erase(pool_.begin() + static_cast<std::ptrdiff_t>(ef));
    if (ef < *next) --*next;
  }

  static bool IsPassed(const Neighbor& candidate) { return (candidate.row & kPassed) != 0; }

  void PopPassed() {
    pool_.pop_back();
    --passed_;
  }
  void DropWorst() {
    while (IsPassed(pool_.back())) PopPassed();
    const float worst = pool_.back().distance;
    while (!pool_.empty() && pool_.back().distance == worst) {
      passed_ -= IsPassed(pool_.back());
      pool_.pop_back();
    }
    --distinct_;
  }

  const PoolLimits& limits_;
  const LiveRows& live_;
  std::vector<Neighbor>& pool_;
  size_t distinct_ = 0;  // different distances of candidates that count
  size_t passed_ = 0;    // removed candidates
};

}  // namespace

Walk SearchLayer(const Graph& graph, const Space& space, const float* query, uint32_t level,
                 const PoolLimits& limits, uint32_t nodes, Scratch* scratch) {
  std::vector<Neighbor>& pool = scratch->pool;
  Pool places(limits, space.live, &pool);
  scratch->visited.Begin(nodes);
  for (const Neighbor& start : scratch->starts) {
    size_t first = 0;
    places.Offer(start.distance, start.row, &first);
    scratch->visited.Add(start.row);
  }
  size_t compared = pool.size();
  // `next` is the nearest candidate not expanded yet.
  for (size_t next = 0; next < places.wanted();) {
    const uint32_t node = pool[next].row & kRowBits;
    pool[next].row |= kExpanded;
    // Prefetches the list of the next candidate, unless a nearer one is found now.
    if (level == 0 && next + 1 < pool.size()) graph.FetchBase(pool[next + 1].row & kRowBits);
    const Walk walk = Expand(graph, space, query, node, level, nodes, scratch);
    if (walk != Walk::kOk) return walk;
    compared += scratch->ids.size();
    if (compared > limits.budget) return Walk::kBudget;
    size_t first_new = next + 1;
    for (size_t i = 0; i < scratch->ids.size(); ++i) {
      const size_t place = places.Offer(scratch->distances[i], scratch->ids[i], &first_new);
      if (place <= first_new) {
        first_new = place;
        // Likely to be expanded soon: a list is two cache lines.
        if (level == 0) graph.FetchBase(scratch->ids[i]);
      }
    }
    next = first_new;
    while (next < pool.size() && (pool[next].row & kExpanded) != 0) ++next;
  }
  places.Finish();
  return Walk::kOk;
}

Walk Approach(const Graph& graph, const Space& space, const float* query, const EntryPoint& entry,
              uint32_t level, size_t wanted, uint32_t nodes, Scratch* scratch) {
  if (!space.Trusted(entry.node)) return Walk::kRowDamaged;
  level = std::min(level, entry.level);
  // If there is no upper level, the search itself does all.
  const bool one = wanted < 2 || level == 0;
  Neighbor nearest{0, entry.node};
  space.Distances(query, &entry.node, 1, &nearest.distance);
  Walk walk = Descend(graph, space, query, entry.level, one && level > 0 ? level - 1 : level, nodes,
                      scratch, &nearest.row, &nearest.distance);
  if (walk != Walk::kOk) return walk;
  std::vector<Neighbor>& starts = scratch->starts;
  starts.assign(1, nearest);
  if (one) return walk;
  walk = SearchLayer(graph, space, query, level, PoolLimits::For(wanted, 1), nodes, scratch);
  if (walk != Walk::kOk) return walk;
  starts = scratch->pool;
  starts.resize(std::min(starts.size(), wanted));
  return walk;
}

Walk SearchGraph(const Graph& graph, const Space& space, const float* query,
                 const SearchLimits& limits, Scratch* scratch, std::vector<Neighbor>* out) {
  out->clear();
  // Entry before size, so that the entry's node is below the size.
  const EntryPoint entry = graph.entry();
  SL_YIELD_POINT();
  uint32_t nodes = graph.size();
  if (!entry.exists()) return Walk::kOk;
  if (space.codes != nullptr) {
    // Nodes added after these codes were chosen have none here.
    nodes = static_cast<uint32_t>(std::min<uint64_t>(nodes, space.codes->rows()));
    if (entry.node >= nodes) return Walk::kBudget;
  }
  const size_t starts = limits.starts > 0 ? limits.starts : StartsOf(limits.ef);
  const Walk walk = Approach(graph, space, query, entry, 1, starts, nodes, scratch);
  if (walk != Walk::kOk) return walk;
  if (limits.allowed != nullptr) {
    return SearchFiltered(graph, space, query, limits, nodes, scratch, out);
  }
  PoolLimits places = PoolLimits::For(limits.ef, limits.k);
  places.budget = limits.budget;
  const Walk layer = SearchLayer(graph, space, query, 0, places, nodes, scratch);
  if (layer == Walk::kOk) out->assign(scratch->pool.begin(), scratch->pool.end());
  return layer;
}

}  // namespace sightline
