#include "hnsw/reconnect.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sightline {
namespace {

// Marks all nodes reachable from `start`, which is not marked yet.
void Mark(const Graph& graph, uint32_t start, std::vector<bool>* seen) {
  std::vector<uint32_t> open{start};
  (*seen)[start] = true;
  while (!open.empty()) {
    const LinkList list = graph.Links(open.back(), 0);
    open.pop_back();
    for (uint32_t i = 0; i < list.capacity; ++i) {
      const uint32_t id = LoadLink(&list.ids[i]);
      if (id >= seen->size()) break;
      if ((*seen)[id]) continue;
      (*seen)[id] = true;
      open.push_back(id);
    }
  }
}

// Index of the last link, or -1 if the list is empty.
int LastPlace(const LinkList& list) {
  int place = -1;
  while (place + 1 < static_cast<int>(list.capacity) && list.ids[place + 1] != kNoRow) ++place;
  return place;
}

// Links `near` to `node`. Nodes that lose a link are added to *displaced.
void PutBehind(Graph* graph, uint32_t near, uint32_t node, std::vector<uint32_t>* displaced) {
  const LinkList from = graph->Links(near, 0);
  const LinkList own = graph->Links(node, 0);
  graph->Touch(near);
  graph->Touch(node);
  const int last = LastPlace(from);
  if (last + 1 < static_cast<int>(from.capacity)) {
    StoreLink(&from.ids[last + 1], node);
    return;
  }
  const uint32_t moved = from.ids[last];
  displaced->push_back(moved);
  bool linked = moved == node;
  for (uint32_t i = 0; i < own.capacity; ++i) linked |= own.ids[i] == moved;
  if (!linked) {
    // No reachable node depends on this node, so any of its links may go.
    const int end = LastPlace(own);
    const int place = end + 1 < static_cast<int>(own.capacity) ? end + 1 : end;
    if (place == end) displaced->push_back(own.ids[place]);
    StoreLink(&own.ids[place], moved);
  }
  StoreLink(&from.ids[last], node);
}

// About the default efSearch.
constexpr size_t kFindEf = 64;

constexpr size_t kRoomAmong = 8;

bool HasRoom(const LinkList& list) { return LastPlace(list) + 1 < static_cast<int>(list.capacity); }

// Whether `node` or a copy of it was found. For inner products other rows may be nearer.
bool IsAmong(const std::vector<Neighbor>& found, const Space& exact, uint32_t node) {
  const float* row = exact.row(node);
  const float own = exact.Distance(row, row);
  for (size_t i = 0; i < std::min(found.size(), kRoomAmong); ++i) {
    const uint32_t near = found[i].row;
    if (exact.Trusted(near) && exact.Distance(row, exact.row(near)) <= own) return true;
  }
  return std::any_of(found.begin(), found.end(),
                     [node](const Neighbor& hit) { return hit.row == node; });
}

}  // namespace

Walk Reconnect(Graph* graph, const Space& space, Scratch* scratch, uint64_t* reconnected) {
  *reconnected = 0;
  const EntryPoint entry = graph->entry();
  if (!entry.exists()) return Walk::kOk;
  std::vector<bool> seen(graph->size());
  Mark(*graph, entry.node, &seen);
  std::vector<Neighbor> near;
  std::vector<uint32_t> displaced;  // still reachable, through the node
  for (uint32_t node = 0; node < seen.size(); ++node) {
    if (seen[node] || space.live.Removed(node)) continue;
    if (!space.Trusted(node)) return Walk::kRowDamaged;
    SearchLimits limits;
    limits.k = limits.ef = 2 * size_t{graph->m()};
    const Walk walk = SearchGraph(*graph, space, space.row(node), limits, scratch, &near);
    if (walk != Walk::kOk) return walk;
    // A search descends from upper levels, where the node may be linked although it is not on level
    // 0.
    for (const Neighbor& candidate : near) {
      if (!seen[candidate.row] || space.live.Removed(candidate.row)) continue;
      PutBehind(graph, candidate.row, node, &displaced);
      ++*reconnected;
      Mark(*graph, node, &seen);
      break;
    }
    if (!seen[node]) {
      PutBehind(graph, entry.node, node, &displaced);
      ++*reconnected;
      Mark(*graph, node, &seen);
    }
  }
  return Walk::kOk;
}

void FewLinksTo(const Graph& graph, uint32_t nodes, uint32_t few, std::vector<uint32_t>* out) {
  std::vector<uint16_t> links(nodes);
  for (uint32_t node = 0; node < nodes; ++node) {
    const LinkList list = graph.Links(node, 0);
    for (uint32_t i = 0; i < list.capacity; ++i) {
      const uint32_t id = LoadLink(&list.ids[i]);
      if (id >= nodes) break;
      links[id] += links[id] <= few;
    }
  }
  out->clear();
  for (uint32_t node = 0; node < nodes; ++node) {
    if (links[node] <= few) out->push_back(node);
  }
}

uint32_t StepsToLeave(const Graph& graph, uint32_t node, Scratch* scratch) {
  const uint32_t nodes = graph.size();
  SmallSet& seen = scratch->inline_walk.expanded;
  std::vector<uint32_t>& reached = scratch->ids;
  seen.Begin(kReachedFew);
  seen.Add(node);
  reached.assign(1, node);
  for (uint32_t step = 0; step < reached.size(); ++step) {
    if (reached.size() >= kReachedFew) return step;
    const LinkList list = graph.Links(reached[step], 0);
    for (uint32_t i = 0; i < list.capacity; ++i) {
      const uint32_t id = LoadLink(&list.ids[i]);
      if (id >= nodes) break;
      if (seen.Add(id)) reached.push_back(id);
    }
  }
  return kReachedFew;
}

Walk LookFor(const Graph& graph, const Space& space, uint32_t node, Scratch* scratch, bool* is_lost,
             LostNode* lost) {
  *is_lost = false;
  Space exact = space;
  exact.codes = nullptr;
  if (space.live.Removed(node)) return Walk::kOk;
  if (!exact.Trusted(node)) return Walk::kRowDamaged;
  const float* row = space.row(node);
  std::vector<Neighbor> found;
  SearchLimits limits;
  limits.k = 1;
  limits.ef = kFindEf;
  Walk walk = Walk::kOk;
  const auto finds = [&](const Space& on) {
    walk = SearchGraph(graph, on, row, limits, scratch, &found);
    return walk != Walk::kOk || found.empty() || IsAmong(found, exact, node);
  };
  const Space* on = &exact;
  bool finds_it = finds(exact);
  if (finds_it && walk == Walk::kOk && space.codes != nullptr && node < space.codes->rows()) {
    on = &space;
    space.codes->Prepare(row, &scratch->query_code);
    finds_it = finds(space);
  }
  if (finds_it) return walk;
  *is_lost = true;
  lost->node = node;
  lost->found.clear();
  for (const Neighbor& hit : found) {
    if (lost->found.size() == kRoomAmong) break;
    lost->found.push_back(hit.row);
  }
  limits.starts = kFindEf;
  lost->hidden = !finds(*on);
  return walk;
}

void LinkLost(Graph* graph, const LostNode& lost, std::vector<uint32_t>* again) {
  // A near node with room in its list, so that no other loses its place there.
  const auto roomy = std::find_if(lost.found.begin(), lost.found.end(), [graph](uint32_t near) {
    return HasRoom(graph->Links(near, 0));
  });
  PutBehind(graph, roomy != lost.found.end() ? *roomy : lost.found[0], lost.node, again);
  again->push_back(lost.node);
}

}  // namespace sightline
