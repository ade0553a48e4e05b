#include "index/lost_rows.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>

#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Searches scan fewer rows.
constexpr uint64_t kFoundFrom = 1000;
// A new link may displace another row's, which is then searched for in the next round.
constexpr int kRounds = 4;
// Rows with at most M / 2 incoming links are searched for. Of rows of 64 independent values, these
// are a fourteenth, and one in fifteen is lost; of CLIP-like rows a hundredth, and one in a hundred
// is lost. Of other rows, one in two hundred is lost.
constexpr uint32_t FewLinks(uint32_t m) { return std::max(1u, m / 2); }
constexpr size_t kFewAtLeast = 64;
// All rows are searched for, in a third of the time of linking them, if more than this share of all
// rows is hidden and has few links. Measured shares: one in 300 for independent values (48
// dimensions), one in 1,400 for uniform ones (64 dimensions), one in 20,000 for 100,000 CLIP-like
// rows.
constexpr uint64_t kHiddenFew = 3000;
// The same if links within a scene hide it: one in kSampled rows is searched for, and kSampledMore
// times as many if more than one in kHiddenPart of these is hidden. A link to one row of a scene
// leads to the others, so twice that share in the first sample is enough.
constexpr uint64_t kSampled = 32;
constexpr uint64_t kSampledMore = 4;
constexpr uint64_t kHiddenPart = 400;
constexpr uint64_t kHiddenAtLeast = 3;  // fewer may be by chance
constexpr uint64_t kSampleIsEnough = 4000;
// A row is enclosed if leaving its group takes this many times the median of steps. Groups of 20
// rows, of which the sample may hold none, stand out: 24 steps where one in a thousand other rows
// takes more than 8. One in kLeft rows is looked at, and at most one in kEnclosedPart of these is
// searched for.
constexpr uint32_t kEnclosedTimes = 2;
constexpr uint64_t kLeft = 2;
constexpr size_t kEnclosedPart = 64;
// Older counts decay.
constexpr uint64_t kCountedAtMost = 16 * 1024;
constexpr size_t kSearchedAtOnce = 16;

// Adds every `step`-th row of [from, to).
void Take(uint64_t from, uint64_t to, uint64_t step, std::vector<uint32_t>* rows) {
  for (uint64_t row = from; row < to; row += step) rows->push_back(static_cast<uint32_t>(row));
}

// Adds the rows that `node` links to.
void LinksOf(const Graph& graph, uint32_t node, std::vector<uint32_t>* rows) {
  const LinkList list = graph.Links(node, 0);
  for (uint32_t i = 0; i < list.capacity; ++i) {
    const uint32_t id = LoadLink(&list.ids[i]);
    if (id >= graph.size()) break;
    rows->push_back(id);
  }
}

// Takes as many old rows as new ones.
uint64_t OldStep(uint64_t first, uint64_t rows) {
  return std::max<uint64_t>(1, kSampled * first / std::max<uint64_t>(1, rows - first));
}

}  // namespace

Status LostRows::Find(const Job& job, const std::vector<uint32_t>& nodes,
                      std::vector<LostNode>* lost) {
  lost->clear();
  std::mutex adding;
  std::atomic<size_t> next{0};
  const auto work = [&] {
    ScratchPool::Lease scratch(job.scratches);
    Space space = job.space;
    space.query_code = &scratch->query_code;
    std::vector<LostNode> own;
    LostNode node;
    bool is_lost = false;
    for (size_t at = next.fetch_add(kSearchedAtOnce); at < nodes.size();
         at = next.fetch_add(kSearchedAtOnce)) {
      if (Exiting()) return ExitingStatus();
      for (size_t i = at; i < std::min(nodes.size(), at + kSearchedAtOnce); ++i) {
        if (LookFor(*job.graph, space, nodes[i], &*scratch, &is_lost, &node) != Walk::kOk) {
          next = nodes.size();
          return Status(StatusCode::kFileCorrupt, "a row that the graph needs is damaged");
        }
        if (is_lost) own.push_back(node);
      }
    }
    const std::lock_guard<std::mutex> lock(adding);
    lost->insert(lost->end(), own.begin(), own.end());
    return Status::Ok();
  };
  SL_RETURN_IF_ERROR(InParallel(ThreadsFor(job.threads, nodes.size(), kSearchedAtOnce), work));
  std::sort(lost->begin(), lost->end(),
            [](const LostNode& a, const LostNode& b) { return a.node < b.node; });
  return Status::Ok();
}

Status LostRows::LinkLostOf(Job* job, Near near, std::vector<uint32_t>* nodes, Counted* counted) {
  std::vector<LostNode> lost;
  for (int round = 0; round < kRounds && !nodes->empty(); ++round) {
    SL_RETURN_IF_ERROR(Find(*job, *nodes, &lost));
    if (round == 0) {
      const auto hidden =
          std::count_if(lost.begin(), lost.end(), [](const LostNode& node) { return node.hidden; });
      counted->rows += nodes->size();
      counted->hidden += static_cast<uint64_t>(hidden);
      if (counted->rows > kCountedAtMost) {
        counted->rows /= 2;
        counted->hidden /= 2;
      }
    }
    nodes->clear();
    for (const LostNode& node : lost) {
      // Rows that are hidden together link to each other.
      if (near == Near::kToo && node.hidden) LinksOf(*job->graph, node.node, nodes);
      LinkLost(job->graph, node, nodes);
    }
    std::sort(nodes->begin(), nodes->end());
    nodes->erase(std::unique(nodes->begin(), nodes->end()), nodes->end());
    job->linked += lost.size();
  }
  nodes->clear();
  return Status::Ok();
}

Status LostRows::LookAtFew(Job* job, uint64_t first, uint64_t rows, bool* hides) {
  std::vector<uint32_t> wanted;
  FewLinksTo(*job->graph, static_cast<uint32_t>(rows), FewLinks(job->graph->m()), &wanted);
  const uint64_t few = wanted.size();
  // As many old rows as new ones, different ones each time.
  const auto fresh = std::lower_bound(wanted.begin(), wanted.end(), static_cast<uint32_t>(first));
  const size_t old = static_cast<size_t>(fresh - wanted.begin());
  const size_t most = std::max(kFewAtLeast, static_cast<size_t>(wanted.end() - fresh));
  if (old > most) {
    std::rotate(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(rows % old), fresh);
    wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(most), fresh);
  }
  SL_RETURN_IF_ERROR(LinkLostOf(job, Near::kNot, &wanted, &few_));
  *hides = few_.hidden >= kHiddenAtLeast && few * few_.hidden * kHiddenFew > rows * few_.rows;
  return Status::Ok();
}

Status LostRows::LookAtSample(Job* job, uint64_t first, uint64_t rows, bool* hides) {
  std::vector<uint32_t> wanted;
  for (const uint64_t more : {uint64_t{1}, kSampledMore}) {
    const uint64_t step = std::max<uint64_t>(1, OldStep(first, rows) / more);
    Take(first + more - 1, rows, kSampled / more, &wanted);
    // Starts at a different row each time, so that all old rows are searched for in the end.
    if (first > 0) Take((rows + more) % std::min(step, first), first, step, &wanted);
    SL_RETURN_IF_ERROR(LinkLostOf(job, Near::kToo, &wanted, &sampled_));
    if (sampled_.hidden * kHiddenPart <= sampled_.rows) return Status::Ok();
    *hides =
        sampled_.hidden >= kHiddenAtLeast && (more > 1 || sampled_.rows > kSampleIsEnough ||
                                              sampled_.hidden * kHiddenPart > 2 * sampled_.rows);
    if (*hides) return Status::Ok();
  }
  return Status::Ok();
}

Status LostRows::FindEnclosed(const Job& job, std::vector<uint32_t>* nodes) {
  nodes->erase(std::remove_if(nodes->begin(), nodes->end(),
                              [&job](uint32_t node) { return job.space.live.Removed(node); }),
               nodes->end());
  if (nodes->empty()) return Status::Ok();
  std::vector<uint32_t> steps(nodes->size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    ScratchPool::Lease scratch(job.scratches);
    for (size_t at = next.fetch_add(kSearchedAtOnce); at < nodes->size();
         at = next.fetch_add(kSearchedAtOnce)) {
      if (Exiting()) return ExitingStatus();
      for (size_t i = at; i < std::min(nodes->size(), at + kSearchedAtOnce); ++i) {
        steps[i] = StepsToLeave(*job.graph, (*nodes)[i], &*scratch);
      }
    }
    return Status::Ok();
  };
  SL_RETURN_IF_ERROR(InParallel(ThreadsFor(job.threads, nodes->size(), kSearchedAtOnce), work));
  std::vector<uint32_t> sorted = steps;
  const auto nth = [&sorted](size_t n) {
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(n);
    std::nth_element(sorted.begin(), at, sorted.end());
    return *at;
  };
  const uint32_t enclosed = kEnclosedTimes * nth(sorted.size() / 2);
  const size_t most = std::max(kFewAtLeast, sorted.size() / kEnclosedPart);
  // Of too many, those with the most steps.
  const uint32_t least =
      most < sorted.size() ? std::max(enclosed, nth(sorted.size() - most)) : enclosed;
  size_t kept = 0;
  for (size_t i = 0; i < nodes->size(); ++i) {
    if (steps[i] >= least && kept < most) (*nodes)[kept++] = (*nodes)[i];
  }
  nodes->resize(kept);
  return Status::Ok();
}

Status LostRows::LookAtEnclosed(Job* job, uint64_t first, uint64_t rows) {
  std::vector<uint32_t> wanted;
  Take(first, rows, kLeft, &wanted);
  // As many old rows, different ones each time.
  const uint64_t step = std::max<uint64_t>(1, OldStep(first, rows) * kLeft / kSampled);
  if (first > 0) Take(rows % std::min(step, first), first, step, &wanted);
  SL_RETURN_IF_ERROR(FindEnclosed(*job, &wanted));
  Counted ignored;
  return LinkLostOf(job, Near::kToo, &wanted, &ignored);
}

// All old rows each time there are a fifth more, six searches per row in all; else some of them,
// because later links may hide them.
Status LostRows::LookAtAll(Job* job, uint64_t first, uint64_t rows) {
  std::vector<uint32_t> wanted;
  const bool all = 5 * rows >= 6 * searched_all_at_;
  if (!all && first > 0) {
    const uint64_t denser = std::max<uint64_t>(1, OldStep(first, rows) / kSampled / 2);
    Take(rows % std::min(denser, first), first, denser, &wanted);
  }
  Take(all ? 0 : first, rows, 1, &wanted);
  Counted ignored;
  SL_RETURN_IF_ERROR(LinkLostOf(job, Near::kNot, &wanted, &ignored));
  if (all) searched_all_at_ = rows;
  return Status::Ok();
}

Status LostRows::Link(Graph* graph, const Space& space, uint64_t first, uint64_t rows,
                      size_t threads, ScratchPool* scratches, uint64_t* linked) {
  *linked = 0;
  // A search by inner product does not look for the row itself.
  if (space.metric == Metric::kDot || rows < kFoundFrom) return Status::Ok();
  Job job{graph, space, threads, scratches};
  bool hides = false;
  SL_RETURN_IF_ERROR(LookAtFew(&job, first, rows, &hides));
  if (!hides) SL_RETURN_IF_ERROR(LookAtSample(&job, first, rows, &hides));
  SL_RETURN_IF_ERROR(hides ? LookAtAll(&job, first, rows) : LookAtEnclosed(&job, first, rows));
  *linked = job.linked;
  return Status::Ok();
}

}  // namespace sightline
