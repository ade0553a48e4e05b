#include "hnsw/select.h"

#include <algorithm>

namespace sightline {
namespace {

// Distances come in groups of this many: most candidates are dropped by one of the first chosen.
constexpr size_t kGroup = 4;

bool NearAChosenOne(const Space& space, const Neighbor& candidate,
                    const std::vector<Neighbor>& selected) {
  const float* row = space.row(candidate.row);
  for (size_t at = 0; at < selected.size(); at += kGroup) {
    const size_t n = std::min(kGroup, selected.size() - at);
    uint32_t ids[kGroup];
    float distances[kGroup];
    for (size_t i = 0; i < n; ++i) ids[i] = selected[at + i].row;
    space.Distances(row, ids, n, distances);
    for (size_t i = 0; i < n; ++i) {
      if (distances[i] < candidate.distance) return true;
      // The paper stops here. Of several copies of the node itself only one is chosen, or they
      // would fill the list; a candidate that is just as far from a chosen copy as from the node is
      // not a copy and stays: dropping it would cut the copies off from the rest.
      const bool both_copies = selected[at + i].distance == candidate.distance;
      if (both_copies && distances[i] == candidate.distance) return true;
    }
  }
  return false;
}

}  // namespace

void SelectNeighbors(const Space& space, const std::vector<Neighbor>& candidates, size_t max,
                     bool keep_pruned, std::vector<Neighbor>* selected) {
  selected->clear();
  std::vector<Neighbor> dropped;
  for (const Neighbor& candidate : candidates) {
    if (selected->size() >= max) break;
    if (!NearAChosenOne(space, candidate, *selected)) {
      selected->push_back(candidate);
    } else if (keep_pruned && dropped.size() < max) {
      dropped.push_back(candidate);
    }
  }
  for (const Neighbor& candidate : dropped) {
    if (selected->size() >= max) break;
    selected->push_back(candidate);
  }
}

}  // namespace sightline
