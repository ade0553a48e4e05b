// Which neighbors a node keeps. Algorithm 4 of the paper.
#ifndef SIGHTLINE_HNSW_SELECT_H_
#define SIGHTLINE_HNSW_SELECT_H_

#include <cstddef>
#include <vector>

#include "core/top_k.h"
#include "hnsw/space.h"

namespace sightline {

// Chooses up to `max` candidates. One that is nearer to a chosen one than to the node is dropped,
// so that links point in different directions.
class Selection {
 public:
  // space  without codes: distances here are exact. chosen: replaced.
  Selection(const Space& space, size_t max, std::vector<Neighbor>* chosen)
      : space_(space), max_(max), chosen_(chosen) {
    chosen->clear();
  }

  // Candidates are trusted and come nearest first. False: no more are needed.
  bool Offer(const Neighbor& candidate);
  // Adds the nearest dropped ones (docs/adr/0006). For a new node's own list only: other lists
  // would be full again and be cut at every link.
  void FillUp();

 private:
  bool NearAChosenOne(const Neighbor& candidate) const;

  const Space& space_;
  size_t max_;
  std::vector<Neighbor>* chosen_;
  std::vector<Neighbor> dropped_;
};

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_SELECT_H_
