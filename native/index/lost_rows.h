// Finds and links rows that are reachable but not found by searches.
#ifndef SIGHTLINE_INDEX_LOST_ROWS_H_
#define SIGHTLINE_INDEX_LOST_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/status.h"
#include "hnsw/hnsw.h"
#include "hnsw/reconnect.h"

namespace sightline {

// Searches for few rows if the data is easy, else for all (docs/adr/0012). Keeps its counts between
// calls.
class LostRows {
 public:
  // Links the lost ones among `rows` rows; those from `first` on are new since the last call.
  //
  // space   if codes are set, also searches on these.
  // linked  number of lost rows.
  // Returns kFileCorrupt, without a path, if a needed row is damaged.
  // Threads uses as many as wanted; not together with Insert; readers may search.
  Status Link(Graph* graph, const Space& space, uint64_t first, uint64_t rows, size_t threads,
              ScratchPool* scratches, uint64_t* linked);

 private:
  // Rows searched for, and how many of them were hidden.
  struct Counted {
    uint64_t rows = 0;
    uint64_t hidden = 0;
  };
  struct Job {
    Graph* graph;
    const Space& space;
    size_t threads;
    ScratchPool* scratches;
    uint64_t linked = 0;
  };
  static Status Find(const Job& job, const std::vector<uint32_t>& nodes,
                     std::vector<LostNode>* lost);
  // Whether the rows that hidden ones link to are searched for as well.
  enum class Near { kNot, kToo };
  // Searches for the nodes and links those that are lost; empties *nodes.
  static Status LinkLostOf(Job* job, Near near, std::vector<uint32_t>* nodes, Counted* counted);
  // Sets *hides if so many are hidden that all rows must be searched for.
  Status LookAtFew(Job* job, uint64_t first, uint64_t rows, bool* hides);
  Status LookAtSample(Job* job, uint64_t first, uint64_t rows, bool* hides);
  // Searches for the rows that are in groups with few links to the rest.
  Status LookAtEnclosed(Job* job, uint64_t first, uint64_t rows);
  Status LookAtAll(Job* job, uint64_t first, uint64_t rows);

  static Status FindEnclosed(const Job& job, std::vector<uint32_t>* nodes);

  Counted few_;                   // of rows with few links to them
  Counted sampled_;               // of a sample of all
  uint64_t searched_all_at_ = 0;  // number of rows when all were last searched for
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_LOST_ROWS_H_
