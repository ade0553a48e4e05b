// Which neighbors a node keeps. Algorithm 4 of the paper.
#ifndef SIGHTLINE_HNSW_SELECT_H_
#define SIGHTLINE_HNSW_SELECT_H_

#include <cstddef>
#include <vector>

#include "core/top_k.h"
#include "hnsw/space.h"

namespace sightline {

// Chooses up to `max` of the candidates it is offered. A candidate is dropped if it is nearer to a
// chosen one than to the node, so that links point in different directions.
class Selection {
 public:
  // space  without codes: distances here are exact. chosen: replaced.
  Selection(const Space& space, size_t max, std::vector<Neighbor>* chosen)
      : space_(space), max_(max), chosen_(chosen) {
    chosen->clear();
  }

  // In order of their distance to the node, best first, and trusted. False: no more are needed.
  bool Offer(const Neighbor& candidate);
  // Fills up with the nearest dropped ones. Measured in docs/adr/0006; used for a new node's own
  // list, not when a full list is cut: lists that are full again at once would be cut again at
  // every link.
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
