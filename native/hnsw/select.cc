#include "hnsw/select.h"

#include <algorithm>

namespace sightline {
namespace {

// Group size of distances: most candidates are dropped by one of the first chosen.
constexpr size_t kMostInGroup = 8;
// With only one copy per list, copies do not link to each other: of a hundred a search finds 18
// (docs/adr/0013).
constexpr size_t kCopiesPart = 4;

}  // namespace

bool Selection::NearAChosenOne(const Neighbor& candidate) const {
  const float* row = space_.row(candidate.row);
  const size_t group = std::min(kMostInGroup, space_.kernels->group);
  size_t copies = 0;
  for (size_t at = 0; at < chosen_->size(); at += group) {
    const size_t n = std::min(group, chosen_->size() - at);
    uint32_t ids[kMostInGroup];
    float distances[kMostInGroup];
    for (size_t i = 0; i < n; ++i) ids[i] = (*chosen_)[at + i].row;
    space_.Distances(row, ids, n, distances);
    for (size_t i = 0; i < n; ++i) {
      if (distances[i] < candidate.distance) return true;
      // Beyond the paper: copies of the node fill at most a quarter of its list. A candidate as far
      // from a chosen copy as from the node is no copy and stays: dropping it would isolate the
      // copies.
      const bool both_copies = (*chosen_)[at + i].distance == candidate.distance;
      copies += both_copies && distances[i] == candidate.distance;
      if (copies >= std::max<size_t>(1, max_ / kCopiesPart)) return true;
    }
  }
  return false;
}

bool Selection::Offer(const Neighbor& candidate) {
  if (chosen_->size() >= max_) return false;
  if (!NearAChosenOne(candidate)) {
    chosen_->push_back(candidate);
  } else if (dropped_.size() < max_) {
    dropped_.push_back(candidate);
  }
  return chosen_->size() < max_;
}

void Selection::FillUp() {
  for (const Neighbor& candidate : dropped_) {
    if (chosen_->size() >= max_) break;
    chosen_->push_back(candidate);
  }
}

}  // namespace sightline
