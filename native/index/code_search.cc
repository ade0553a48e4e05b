#include "index/code_search.h"

#include <algorithm>

#include "codes/estimate_errors.h"

namespace sightline {
namespace {

// The error of an estimate exceeds three standard deviations for one row in 370.
constexpr float kDeviations = 3.0f;
// Coarse codes only select many candidates: this loses one true result in a thousand (text queries
// on 100,000 pictures, 512 floats).
constexpr float kCoarseDeviations = 2.5f;
constexpr size_t kGroup = 12;  // rows per batch of exact distances

// Rows per block: their codes, distances and sums fit the L1 cache.
constexpr size_t kScanBlock = 64;
constexpr size_t kLook = 16;  // distances per comparison with the bound

// Candidates of a scan that get exact distances. The 50 best by 4-bit codes contained all of the
// true 10 best, for picture and text queries.
size_t ScanCandidates(size_t wanted, size_t ef) { return std::max(ef, 5 * wanted + 50); }

// How much farther than the worst result the end of the list must be, in standard deviations. A
// walk on rows misses more with a short list, too.
double DeviationsWanted(size_t wanted, size_t ef) {
  return std::min(2.0, 0.6 * static_cast<double>(ef) / static_cast<double>(wanted) - 1.0);
}

inline float Smallest(const float* values) {
  float lanes[4] = {values[0], values[1], values[2], values[3]};
  for (size_t i = 4; i < kLook; i += 4) {
    for (size_t j = 0; j < 4; ++j) lanes[j] = std::min(lanes[j], values[i + j]);
  }
  return std::min(std::min(lanes[0], lanes[1]), std::min(lanes[2], lanes[3]));
}

// Most rows are beyond the bound: tests sixteen at once.
template <typename RowAt>
void Offer(const float* distances, size_t n, RowAt row_at, TopK* near) {
  for (size_t at = 0; at < n; at += kLook) {
    const size_t end = std::min(n, at + kLook);
    if (end == at + kLook && Smallest(distances + at) > near->worst()) continue;
    for (size_t i = at; i < end; ++i) near->push(distances[i], row_at(i));
  }
}

// Estimates distances of rows, a block at a time, and offers them to `near`.
class CodeScan {
 public:
  CodeScan(const RowCodes& codes, QueryCode* query, TopK* near)
      : codes_(codes), query_(query), near_(near) {}

  void Add(uint32_t row) {
    codes_.Fetch(row);
    ids_[count_++] = row;
    if (count_ == kScanBlock) Flush();
  }
  void Flush() {
    codes_.Estimate(query_, ids_, 0, count_, distances_);
    Offer(
        distances_, count_, [&](size_t i) { return ids_[i]; }, near_);
    count_ = 0;
  }
  // Rows [first, first + n), n <= kScanBlock: coarse codes select those worth an estimate.
  void Block(uint32_t first, size_t n) {
    codes_.EstimateCoarse(query_, first, n, distances_);
    const float bound = near_->worst() + kCoarseDeviations * query_->coarse_deviation;
    const size_t before = count_;
    for (size_t at = 0; at < n; at += kLook) {
      const size_t end = std::min(n, at + kLook);
      if (end == at + kLook && Smallest(distances_ + at) > bound) continue;
      for (size_t i = at; i < end; ++i) {
        ids_[count_] = first + static_cast<uint32_t>(i);
        count_ += distances_[i] <= bound;
      }
    }
    for (size_t i = before; i < count_; ++i) codes_.Fetch(ids_[i]);
    if (count_ >= kScanBlock) Flush();
  }

 private:
  const RowCodes& codes_;
  QueryCode* query_;
  TopK* near_;
  size_t count_ = 0;
  // Fewer than kScanBlock ids are pending when a block begins; one place beyond is written to.
  uint32_t ids_[2 * kScanBlock];
  float distances_[2 * kScanBlock];
};

}  // namespace

Walk Rerank(const Space& space, const float* query, const QueryCode& code, size_t wanted, size_t ef,
            std::vector<Neighbor>* hits, bool* sure) {
  TopK best(wanted);
  *sure = true;
  const float last = hits->size() < ef ? TopK::kNoThreshold : (*hits)[ef - 1].distance;
  EstimateErrors errors;
  for (size_t at = 0; at < hits->size();) {
    // A row estimated this much farther than the worst found is unlikely to be nearer.
    const float slack = kDeviations * std::max(code.deviation, errors.deviation());
    if (best.full() && (*hits)[at].distance > best.worst() + slack) break;
    uint32_t ids[kGroup];
    float distances[kGroup];
    const size_t n = std::min(kGroup, hits->size() - at);
    for (size_t i = 0; i < n; ++i) {
      ids[i] = (*hits)[at + i].row;
      if (!space.Trusted(ids[i])) return Walk::kRowDamaged;
    }
    space.Distances(query, ids, n, distances);
    for (size_t i = 0; i < n; ++i) {
      errors.Add((*hits)[at + i].distance, distances[i]);
      best.push(distances[i], ids[i]);
    }
    at += n;
  }
  if (hits->size() >= ef) *sure = errors.CanTell(best.worst(), last, DeviationsWanted(wanted, ef));
  *hits = best.TakeSorted();
  return Walk::kOk;
}

Walk ScanCodes(const Space& space, const float* query, const RowCodes& codes, const Plan& plan,
               const std::vector<Neighbor>& walked, Scratch* scratch, bool* sure) {
  const size_t candidates = ScanCandidates(plan.wanted, plan.ef);
  const float farthest = walked.empty() ? TopK::kNoThreshold : walked.back().distance;
  const float slack = kDeviations * scratch->query_code.deviation;
  TopK near(candidates, farthest + slack);
  CodeScan scan(codes, &scratch->query_code, &near);
  if (plan.allowed == nullptr) {
    codes.PrepareCoarse(&scratch->query_code);
    for (uint64_t first = 0; first < plan.rows; first += kScanBlock) {
      scan.Block(static_cast<uint32_t>(first),
                 static_cast<size_t>(std::min<uint64_t>(kScanBlock, plan.rows - first)));
    }
  } else {
    for (uint64_t word = 0; word < (plan.rows + 63) / 64; ++word) {
      for (uint64_t bits = plan.allowed[word]; bits != 0; bits &= bits - 1) {
        scan.Add(static_cast<uint32_t>(word * 64 + static_cast<uint64_t>(__builtin_ctzll(bits))));
      }
    }
  }
  scan.Flush();
  std::vector<Neighbor>& hits = scratch->hits;
  hits = near.TakeSorted();
  const Walk walk = Rerank(space, query, scratch->query_code, plan.wanted, candidates, &hits, sure);
  if (walk != Walk::kOk) return walk;
  // Rows found by both have equal exact distances.
  hits.insert(hits.end(), walked.begin(), walked.end());
  std::sort(hits.begin(), hits.end());
  hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  return Walk::kOk;
}

}  // namespace sightline
