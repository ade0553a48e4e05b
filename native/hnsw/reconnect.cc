#include "hnsw/reconnect.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sightline {
namespace {

// Marks everything within reach of `start`, which is not marked yet.
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

// The place of the last used link, or -1 of an empty list.
int LastPlace(const LinkList& list) {
  int place = -1;
  while (place + 1 < static_cast<int>(list.capacity) && list.ids[place + 1] != kNoRow) ++place;
  return place;
}

// Links `near` to `node`. Nodes that lose a link by it are added to *displaced.
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
    // Nothing within reach was met through this node, so any of its own links may go.
    const int end = LastPlace(own);
    const int place = end + 1 < static_cast<int>(own.capacity) ? end + 1 : end;
    if (place == end) displaced->push_back(own.ids[place]);
    StoreLink(&own.ids[place], moved);
  }
  StoreLink(&from.ids[last], node);
}

// About what searches have by default.
constexpr size_t kFindEf = 64;

constexpr size_t kRoomAmong = 8;

bool HasRoom(const LinkList& list) { return LastPlace(list) + 1 < static_cast<int>(list.capacity); }

// Whether `node`, or a copy of it, was found. For inner products others may be nearer.
bool IsAmong(const std::vector<Neighbor>& found, uint32_t node, float own) {
  if (found[0].distance <= own) return true;
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
  std::vector<uint32_t> displaced;  // within reach all the same: they are now behind the node
  for (uint32_t node = 0; node < seen.size(); ++node) {
    if (seen[node] || space.live.Gone(node)) continue;
    if (!space.Trusted(node)) return Walk::kRowDamaged;
    SearchLimits limits;
    limits.k = limits.ef = 2 * size_t{graph->m()};
    // What a search from the entry point finds is within reach.
    const Walk walk = SearchGraph(*graph, space, space.row(node), limits, scratch, &near);
    if (walk != Walk::kOk) return walk;
    // A search comes down from upper levels, where the node may be linked although not below.
    for (const Neighbor& candidate : near) {
      if (!seen[candidate.row] || space.live.Gone(candidate.row)) continue;
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

void FewLinksTo(const Graph& graph, uint32_t nodes, uint8_t few, std::vector<uint32_t>* out) {
  std::vector<uint8_t> links(nodes);
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

Walk FindLost(Graph* graph, const Space& space, std::vector<uint32_t>* nodes, Scratch* scratch,
              LostNodes* lost) {
  *lost = LostNodes{};
  std::vector<uint32_t> again;
  std::vector<Neighbor> found;
  std::vector<Neighbor> from_many;
  Walk walk = Walk::kOk;
  // Whether a search that enters at so many nodes, or as many as is usual, finds it.
  const auto finds = [&](uint32_t own, size_t starts, std::vector<Neighbor>* met) {
    const float* row = space.row(own);
    SearchLimits limits;
    limits.k = 1;
    limits.ef = kFindEf;
    limits.starts = starts;
    walk = SearchGraph(*graph, space, row, limits, scratch, met);
    return walk != Walk::kOk || met->empty() || IsAmong(*met, own, space.Distance(row, row));
  };
  for (const uint32_t own : *nodes) {
    if (space.live.Gone(own)) continue;
    if (!space.Trusted(own)) return Walk::kRowDamaged;
    const bool usual = finds(own, 0, &found);
    if (walk != Walk::kOk) return walk;
    if (usual) continue;
    const bool hidden = !finds(own, kFindEf, &from_many);
    if (walk != Walk::kOk) return walk;
    ++lost->all;
    lost->hidden += hidden;
    // A near node with room in its list, so that no other loses its place there.
    const size_t most = std::min(found.size(), kRoomAmong);
    size_t at = 0;
    while (at < most && !HasRoom(graph->Links(found[at].row, 0))) ++at;
    PutBehind(graph, found[at < most ? at : 0].row, own, &again);
    again.push_back(own);
  }
  *nodes = std::move(again);
  return Walk::kOk;
}

}  // namespace sightline
