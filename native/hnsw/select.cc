#include "hnsw/select.h"

#include <algorithm>

namespace sightline {
namespace {

// Distances come in groups of this many at most: most candidates are dropped by one of the first
// chosen.
constexpr size_t kMostInGroup = 8;

}  // namespace

bool Selection::NearAChosenOne(const Neighbor& candidate) const {
  const float* row = space_.row(candidate.row);
  const size_t group = std::min(kMostInGroup, space_.kernels->group);
  for (size_t at = 0; at < chosen_->size(); at += group) {
    const size_t n = std::min(group, chosen_->size() - at);
    uint32_t ids[kMostInGroup];
    float distances[kMostInGroup];
    for (size_t i = 0; i < n; ++i) ids[i] = (*chosen_)[at + i].row;
    space_.Distances(row, ids, n, distances);
    for (size_t i = 0; i < n; ++i) {
      if (distances[i] < candidate.distance) return true;
      // The paper stops here. Of several copies of the node itself only one is chosen, or they
      // would fill the list; a candidate that is just as far from a chosen copy as from the node is
      // not a copy and stays: dropping it would cut the copies off from the rest.
      const bool both_copies = (*chosen_)[at + i].distance == candidate.distance;
      if (both_copies && distances[i] == candidate.distance) return true;
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
