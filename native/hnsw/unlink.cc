#include "hnsw/unlink.h"

#include <algorithm>
#include <vector>

#include "hnsw/select.h"

namespace sightline {
namespace {

// Most removed nodes to follow for one list, where rows were removed together with their neighbors.
constexpr size_t kMostBehind = 64;

// Splits `list` into removed nodes (scratch->others) and live ones (scratch->ids); marks both.
void Part(const LinkList& list, const LiveRows& kept, Scratch* scratch) {
  scratch->others.clear();
  scratch->ids.clear();
  for (uint32_t i = 0; i < list.capacity && list.ids[i] != kNoRow; ++i) {
    const uint32_t id = list.ids[i];
    scratch->visited.Add(id);
    (kept.Removed(id) ? scratch->others : scratch->ids).push_back(id);
  }
}

// Appends the live neighbors of removed nodes to scratch->ids, following removed ones.
void LookBehind(const Graph& graph, const LiveRows& kept, uint32_t level, size_t wanted,
                Scratch* scratch) {
  std::vector<uint32_t>& removed = scratch->others;
  const size_t end = scratch->ids.size() + wanted;
  for (size_t i = 0; i < removed.size() && i < kMostBehind && scratch->ids.size() < end; ++i) {
    const LinkList list = graph.Links(removed[i], level);
    for (uint32_t j = 0; j < list.capacity && list.ids[j] != kNoRow; ++j) {
      const uint32_t id = list.ids[j];
      if (scratch->visited.Add(id)) (kept.Removed(id) ? removed : scratch->ids).push_back(id);
    }
  }
}

Walk MendList(Graph* graph, const Space& space, uint32_t node, uint32_t level, Scratch* scratch,
              bool* changed) {
  const LinkList list = graph->Links(node, level);
  const uint32_t count = list.Count();
  bool due = false;
  for (uint32_t i = 0; i < count; ++i) due |= space.kept.Removed(list.ids[i]);
  if (!due) return Walk::kOk;
  *changed = true;
  scratch->visited.Begin(graph->size());
  scratch->visited.Add(node);
  Part(list, space.kept, scratch);
  std::vector<uint32_t>& ids = scratch->ids;
  const size_t live = ids.size();
  LookBehind(*graph, space.kept, level, 4 * size_t{list.capacity}, scratch);
  for (const uint32_t id : ids) {
    if (!space.Trusted(id)) return Walk::kRowDamaged;
  }
  scratch->distances.resize(ids.size());
  space.Distances(space.row(node), ids.data(), ids.size(), scratch->distances.data());
  std::vector<Neighbor>& candidates = scratch->candidates;
  candidates.clear();
  for (size_t i = live; i < ids.size(); ++i) {
    candidates.push_back({scratch->distances[i], ids[i]});
  }
  std::sort(candidates.begin(), candidates.end());
  std::vector<Neighbor>& chosen = scratch->selected;
  Selection selection(space, count, &chosen);
  for (size_t i = 0; i < live; ++i) chosen.push_back({scratch->distances[i], ids[i]});
  for (const Neighbor& candidate : candidates) {
    if (!selection.Offer(candidate)) break;
  }
  if (level == 0) graph->Touch(node);
  for (uint32_t i = 0; i < count; ++i) {
    StoreLink(&list.ids[i], i < chosen.size() ? chosen[i].row : kNoRow);
  }
  return Walk::kOk;
}

}  // namespace

Walk Mend(Graph* graph, const Space& space, uint32_t node, Scratch* scratch, bool* changed) {
  *changed = false;
  if (space.kept.Removed(node) && graph->entry().node != node) return Walk::kOk;
  if (!space.Trusted(node)) return Walk::kRowDamaged;
  const uint32_t top = graph->LevelOf(node);
  for (uint32_t level = 0; level <= top; ++level) {
    const Walk walk = MendList(graph, space, node, level, scratch, changed);
    if (walk != Walk::kOk) return walk;
  }
  return Walk::kOk;
}

void MoveEntry(Graph* graph, const LiveRows& kept) {
  const EntryPoint entry = graph->entry();
  if (!entry.exists() || !kept.Removed(entry.node)) return;
  EntryPoint best;
  for (uint32_t node = 0; node < graph->size(); ++node) {
    if (kept.Removed(node)) continue;
    const uint32_t level = graph->LevelOf(node);
    if (!best.exists() || level > best.level) best = {node, level};
  }
  if (!best.exists()) return;
  if (best.level == entry.level) {
    graph->SetEntry(best.node, best.level);
    return;
  }
  for (uint32_t level = 0; level <= best.level; ++level) {
    const LinkList list = graph->Links(entry.node, level);
    const uint32_t count = list.Count();
    const uint32_t* end = list.ids + count;
    if (std::find(static_cast<const uint32_t*>(list.ids), end, best.node) != end) continue;
    if (level == 0) graph->Touch(entry.node);
    StoreLink(&list.ids[std::min(count, list.capacity - 1)], best.node);
  }
}

void Isolate(Graph* graph, uint32_t node) {
  graph->Touch(node);
  const uint32_t top = graph->LevelOf(node);
  for (uint32_t level = 0; level <= top; ++level) {
    const LinkList list = graph->Links(node, level);
    for (uint32_t i = 0; i < list.capacity; ++i) StoreLink(&list.ids[i], kNoRow);
  }
}

}  // namespace sightline
