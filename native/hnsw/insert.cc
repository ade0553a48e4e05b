#include "hnsw/insert.h"

#include <algorithm>
#include <vector>

#include "codes/estimate_errors.h"
#include "core/yield_point.h"
#include "hnsw/select.h"

namespace sightline {
namespace {

// See hnsw.h, 8.
constexpr size_t kExpandedAtLeast = 64;
size_t ExpandedOf(size_t ef) { return std::max(ef - ef / 4, kExpandedAtLeast); }
// Candidates per batch of exact distances: a multiple of the kernels' groups.
constexpr size_t kPricedAtOnce = 48;

// How much farther than the M-th nearest the end of a list of estimates must be, in standard
// deviations. Data that suits codes has 5 to 40, data whose recall suffers less than 1 for most
// nodes (docs/adr/0012).
constexpr double kDeviations = 2.0;

// Nearest first, and of copies the newest first: so each copy is linked to those just before it,
// and all reach each other. (If all chose the oldest, it could link back to few.)
bool NearerOrNewer(const Neighbor& a, const Neighbor& b) {
  return a.distance < b.distance || (a.distance == b.distance && a.row > b.row);
}

// Computes exact distances of pool[at, end) and sorts them. False: a row is damaged.
bool Price(const Space& exact, const float* row, size_t at, size_t end, EstimateErrors* errors,
           std::vector<Neighbor>* pool) {
  uint32_t ids[kPricedAtOnce];
  float distances[kPricedAtOnce];
  for (size_t i = at; i < end; ++i) {
    if (!exact.Trusted((*pool)[i].row)) return false;
    ids[i - at] = (*pool)[i].row;
  }
  exact.Distances(row, ids, end - at, distances);
  for (size_t i = at; i < end; ++i) {
    errors->Add((*pool)[i].distance, distances[i - at]);
    (*pool)[i].distance = distances[i - at];
  }
  std::sort(pool->begin() + static_cast<std::ptrdiff_t>(at),
            pool->begin() + static_cast<std::ptrdiff_t>(end), NearerOrNewer);
  return true;
}

}  // namespace

Walk Inserter::Insert(const Space& space, uint32_t node, Scratch* scratch) {
  const uint32_t level = graph_->LevelOf(node);
  std::unique_lock<std::mutex> raising(entry_mutex_, std::defer_lock);
  EntryPoint entry = graph_->entry();
  if (!entry.exists() || level > entry.level) {
    raising.lock();
    entry = graph_->entry();
    if (entry.exists() && level <= entry.level) raising.unlock();
  }
  if (!entry.exists()) {
    graph_->SetEntry(node, level);
    return Walk::kOk;
  }
  Space exact = space;
  exact.codes = nullptr;
  bool sure = false;
  Walk walk = Walk::kOk;
  if (space.codes != nullptr && CodesPay()) {
    walk = Plan(space, exact, node, level, entry, scratch, &sure);
    walked_.fetch_add(1, std::memory_order_relaxed);
    if (!sure) unsure_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!sure && walk == Walk::kOk) walk = Plan(exact, exact, node, level, entry, scratch, &sure);
  if (walk != Walk::kOk) return walk;
  const uint32_t top = std::min(level, entry.level);
  // Forward links on all levels first: a reader that reaches the node must find its links.
  for (uint32_t l = 0; l <= top; ++l) WriteForward(node, l, scratch->plan[l]);
  // A removed node is linked only if it is the entry point, the only node on its level.
  for (uint32_t l = 0; l <= top && !space.kept.Removed(node); ++l) {
    SL_YIELD_POINT();
    bool reached = false;
    for (const Neighbor& chosen : scratch->plan[l]) {
      reached |= LinkBack(exact, chosen.row, {chosen.distance, node}, l, scratch);
    }
    if (l == 0 && !reached && !scratch->plan[0].empty()) {
      Splice(exact, node, scratch->plan[0][0].row);
    }
  }
  SL_YIELD_POINT();
  if (level > entry.level) graph_->SetEntry(node, level);
  return Walk::kOk;
}

// Chooses the neighbors of every level into scratch->plan; changes no links.
Walk Inserter::Plan(const Space& given, const Space& exact, uint32_t node, uint32_t level,
                    const EntryPoint& entry, Scratch* scratch, bool* sure) {
  *sure = true;
  const uint32_t nodes = graph_->size();
  const float* row = exact.row(node);
  if (!exact.Trusted(entry.node) || !exact.Trusted(node)) return Walk::kRowDamaged;
  Space space = given;
  if (space.codes != nullptr) {
    space.query_code = &scratch->query_code;
    space.codes->Prepare(row, space.query_code);
  }
  Neighbor nearest{0, entry.node};
  space.Distances(row, &entry.node, 1, &nearest.distance);
  Walk walk = Descend(*graph_, space, row, entry.level, level, nodes, scratch, &nearest.row,
                      &nearest.distance);
  if (walk != Walk::kOk) return walk;
  const uint32_t top = std::min(level, entry.level);
  if (scratch->plan.size() <= top) scratch->plan.resize(top + 1);
  PoolLimits limits = PoolLimits::For(ef_construction_, graph_->m());
  limits.expand = ExpandedOf(ef_construction_);
  std::vector<Neighbor>& pool = scratch->pool;
  for (uint32_t l = top + 1; l-- > 0;) {
    scratch->starts.assign(1, nearest);
    walk = SearchLayer(*graph_, space, row, l, limits, nodes, scratch);
    if (walk != Walk::kOk) return walk;
    // A node that is linked again may be found through links of other threads.
    pool.erase(std::remove_if(pool.begin(), pool.end(),
                              [node](const Neighbor& n) { return n.row == node; }),
               pool.end());
    if (!pool.empty()) nearest = pool[0];
    walk = Choose(exact, row, space.codes != nullptr, scratch, &scratch->plan[l], sure);
    if (walk != Walk::kOk || !*sure) return walk;
  }
  return Walk::kOk;
}

// Chooses a node's neighbors from the pool. If it has estimates, the first candidates get exact
// distances, and all of them if the estimates do not show that the first include the nearest. *sure
// becomes false if the end of a full list is not clearly farther than the M-th nearest: near rows
// may then be missing.
Walk Inserter::Choose(const Space& exact, const float* row, bool estimates, Scratch* scratch,
                      std::vector<Neighbor>* chosen, bool* sure) {
  std::vector<Neighbor>& pool = scratch->pool;
  Selection selection(exact, graph_->m(), chosen);
  EstimateErrors errors;
  // Nodes dropped from the list have no smaller estimate.
  const bool is_full = pool.size() >= ef_construction_;
  const float last = is_full ? pool[ef_construction_ - 1].distance : 0.0f;
  bool wanted = true;
  if (!estimates) std::sort(pool.begin(), pool.end(), NearerOrNewer);
  for (size_t at = 0; at < pool.size() && wanted;) {
    const size_t end = estimates ? std::min(pool.size(), at + kPricedAtOnce) : pool.size();
    if (estimates && !Price(exact, row, at, end, &errors, &pool)) return Walk::kRowDamaged;
    const bool is_first = at == 0;
    if (estimates && is_first && end < pool.size() &&
        !errors.CanTell(pool[std::min<size_t>(graph_->m(), end) - 1].distance, pool[end].distance,
                        kDeviations)) {
      for (at = end; at < pool.size(); at += kPricedAtOnce) {
        const size_t stop = std::min(pool.size(), at + kPricedAtOnce);
        if (!Price(exact, row, at, stop, &errors, &pool)) return Walk::kRowDamaged;
      }
      std::sort(pool.begin(), pool.end(), NearerOrNewer);
      const float near = pool[std::min<size_t>(graph_->m(), pool.size()) - 1].distance;
      *sure = !is_full || errors.CanTell(near, last, kDeviations);
      if (!*sure) return Walk::kOk;
      at = 0;
      estimates = false;
      continue;
    }
    for (size_t i = at; i < end && wanted; ++i) wanted = selection.Offer(pool[i]);
    at = end;
  }
  selection.FillUp();
  return Walk::kOk;
}

void Inserter::WriteForward(uint32_t node, uint32_t level, const std::vector<Neighbor>& chosen) {
  const std::lock_guard<std::mutex> lock(LockOf(node));
  const LinkList list = graph_->Links(node, level);
  if (level == 0) graph_->Touch(node);
  for (uint32_t i = 0; i < chosen.size(); ++i) StoreLink(&list.ids[i], chosen[i].row);
}

bool Inserter::LinkBack(const Space& space, uint32_t from, const Neighbor& to, uint32_t level,
                        Scratch* scratch) {
  const std::lock_guard<std::mutex> lock(LockOf(from));
  const LinkList list = graph_->Links(from, level);
  const uint32_t count = list.Count();
  for (uint32_t i = 0; i < count; ++i) {
    if (list.ids[i] == to.row) return true;
  }
  // A row that is updated repeatedly has removed copies here, which the new one replaces.
  uint32_t place = count;
  for (uint32_t i = 0; i < count && place == count; ++i) {
    if (space.kept.Removed(list.ids[i])) place = i;
  }
  if (place < list.capacity) {
    if (level == 0) graph_->Touch(from);
    StoreLink(&list.ids[place], to.row);
    return true;
  }
  // Full: select among the old links and the new one.
  float distances[2 * kMaxM];
  space.Distances(space.row(from), list.ids, count, distances);
  std::vector<Neighbor>& candidates = scratch->candidates;
  candidates.clear();
  for (uint32_t i = 0; i < count; ++i) candidates.push_back({distances[i], list.ids[i]});
  candidates.push_back(to);
  std::sort(candidates.begin(), candidates.end(), NearerOrNewer);
  Selection selection(space, list.capacity, &scratch->selected);
  for (const Neighbor& candidate : candidates) {
    if (!selection.Offer(candidate)) break;
  }
  bool kept = false;
  if (level == 0) graph_->Touch(from);
  for (uint32_t i = 0; i < list.capacity; ++i) {
    SL_YIELD_POINT();
    const bool used = i < scratch->selected.size();
    StoreLink(&list.ids[i], used ? scratch->selected[i].row : kNoRow);
    kept |= used && scratch->selected[i].row == to.row;
  }
  return kept;
}

// No neighbor kept a link to `node` (many copies of one picture). Splices it in before the last
// link of `nearest`: nearest -> node -> last, so that last stays reachable.
void Inserter::Splice(const Space&, uint32_t node, uint32_t nearest) {
  uint32_t last = kNoRow;
  {
    const std::lock_guard<std::mutex> lock(LockOf(nearest));
    const LinkList list = graph_->Links(nearest, 0);
    const uint32_t count = list.Count();
    const uint32_t place = count < list.capacity ? count : count - 1;
    last = list.ids[place];
    graph_->Touch(nearest);
    StoreLink(&list.ids[place], node);
  }
  SL_YIELD_POINT();
  if (last == kNoRow || last == node) return;
  const std::lock_guard<std::mutex> lock(LockOf(node));
  const LinkList list = graph_->Links(node, 0);
  const uint32_t count = list.Count();
  for (uint32_t i = 0; i < count; ++i) {
    if (list.ids[i] == last) return;
  }
  // The node's own choice takes M of 2M places, so there is room.
  if (count == list.capacity) return;
  graph_->Touch(node);
  StoreLink(&list.ids[count], last);
}

}  // namespace sightline
