#include "index/row_coding.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>
#include <vector>

#include "index/code_search.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

// Fewer rows fit the cache, and walking on them is as fast.
constexpr uint64_t kCodesFrom = 4096;
// The centre is computed again when the rows have grown by this factor, which costs a third of the
// coding once more.
constexpr uint64_t kCentreAgain = 4;
// Codes for linking only pay if this share of the rows is to be linked: coding a row costs 5 us,
// linking one on rows instead of codes 300 us more (512 floats).
constexpr uint64_t kLinkedPart = 32;

// Rows per call, at about 10 us each: a caller can stop between calls.
constexpr uint64_t kRowsPerCall = 32768;

constexpr size_t kReachSample = 256;
constexpr size_t kReachNeighbor = 10;
constexpr size_t kReachEf = 64;
// If this share of searches on codes is not sure, and repeated on rows, codes are not used.
constexpr size_t kUnsureShare = 4;
// Measured again when the rows have grown by this factor.
constexpr uint64_t kMeasureAgain = 2;

// The code kind of a storage; false: none.
bool KindOf(Storage storage, CodeKind* kind) {
  switch (storage) {
    case Storage::kFloat16:
      *kind = CodeKind::kHalves;
      return true;
    case Storage::kInt8:
      *kind = CodeKind::kBytes;
      return true;
    case Storage::kInt4:
      *kind = CodeKind::kNibbles;
      return true;
    case Storage::kFloat32:
    case Storage::kInline:
      break;
  }
  return false;
}

}  // namespace

RowCoding::RowCoding(Storage storage, const IndexParameters& parameters, RowStore* rows,
                     Epoch* readers, ScratchPool* scratches)
    : storage_(storage),
      parameters_(parameters),
      rows_(rows),
      readers_(readers),
      scratches_(scratches) {}

std::shared_ptr<const RowCodes> RowCoding::Codes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return codes_;
}

std::shared_ptr<const RowCodes> RowCoding::ForSearch() const {
  return suits_.load(std::memory_order_relaxed) ? Codes() : nullptr;
}

uint64_t RowCoding::resident_bytes() const {
  const std::shared_ptr<const RowCodes> codes = Codes();
  return codes == nullptr ? 0 : codes->resident_bytes();
}

uint64_t RowCoding::Uncoded(uint64_t rows) const {
  CodeKind kind;
  return KindOf(storage_, &kind) && rows >= kCodesFrom && Codes() == nullptr ? rows : 0;
}

const char* RowCoding::WhyNot(uint64_t rows) const {
  CodeKind kind;
  if (!KindOf(storage_, &kind)) return "storage f32 has none";
  if (rows < kCodesFrom) return "too few rows";
  if (Codes() == nullptr) return "not made yet: warm() makes them";
  return "they do not rank the rows of this index well enough";
}

void RowCoding::Set(std::shared_ptr<RowCodes> codes) {
  unfinished_.reset();
  changed_ = changed_ || codes != codes_;
  const std::lock_guard<std::mutex> lock(mutex_);
  codes_ = std::move(codes);
}

// Empty codes, centred on rows [0, rows); null if these are damaged.
Status RowCoding::Begin(CodeKind kind, uint64_t rows, std::shared_ptr<RowCodes>* out) const {
  out->reset();
  if (!rows_->EnsureTrusted(0, rows).ok()) return Status::Ok();
  VectorView view = rows_->view();
  view.count = static_cast<size_t>(rows);
  auto codes = std::make_shared<RowCodes>(kind, kernels_, parameters_.metric, parameters_.dim,
                                          parameters_.seed);
  SL_RETURN_IF_ERROR(codes->Reserve(rows_->most(), readers_));
  codes->Centre(view);
  *out = std::move(codes);
  return Status::Ok();
}

// Extends `codes` to `rows` rows, or makes new ones with a new centre; null without memory, or if
// rows are damaged.
std::shared_ptr<RowCodes> RowCoding::Extended(CodeKind kind, std::shared_ptr<RowCodes> codes,
                                              uint64_t rows, size_t threads) const {
  try {
    if (codes == nullptr || rows >= kCentreAgain * codes->centred_on()) {
      if (!Begin(kind, rows, &codes).ok() || codes == nullptr) return nullptr;
    }
    const Status coded = codes->Encode(rows_->view(), static_cast<size_t>(codes->rows()),
                                       static_cast<size_t>(rows), ThreadsWanted(threads));
    return coded.ok() ? codes : nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void RowCoding::Update(uint64_t rows, size_t threads) {
  CodeKind kind;
  if (!KindOf(storage_, &kind) || rows < kCodesFrom) return;
  if (codes_ == nullptr && rows < 2 * opened_rows_) return;
  Set(Extended(kind, codes_, rows, threads));
}

Status RowCoding::Next(uint64_t rows, size_t threads, const Graph& graph, const Space& space,
                       uint64_t* next) {
  *next = rows;
  CodeKind kind;
  if (Uncoded(rows) == 0 || !KindOf(storage_, &kind)) return Status::Ok();
  try {
    std::shared_ptr<RowCodes> codes = std::move(unfinished_);
    unfinished_.reset();
    if (codes == nullptr || codes->rows() > rows) {
      SL_RETURN_IF_ERROR(Begin(kind, rows, &codes));
    }
    const uint64_t from = codes == nullptr ? 0 : codes->rows();
    const uint64_t to = std::min(rows, from + kRowsPerCall);
    // Searches on rows report the damage they meet.
    if (codes == nullptr || !rows_->EnsureTrusted(from, to).ok()) return Status::Ok();
    SL_RETURN_IF_ERROR(codes->Encode(rows_->view(), static_cast<size_t>(from),
                                     static_cast<size_t>(to), ThreadsWanted(threads)));
    if (to < rows) {
      unfinished_ = std::move(codes);
    } else {
      Set(std::move(codes));
      Measure(rows, graph, space);
    }
    *next = to;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kNoMemory, "no memory to code rows");
  }
  return Status::Ok();
}

void RowCoding::MeasureIfDue(uint64_t rows, const Graph& graph, const Space& space) {
  const bool grown = codes_ != nullptr && rows >= measured_on_ + measured_on_ / kMeasureAgain;
  if (changed_ || grown) Measure(rows, graph, space);
}

void RowCoding::Truncate(uint64_t rows) {
  for_linking_.reset();
  unfinished_.reset();
  if (codes_ != nullptr) codes_->Truncate(rows);
}

void RowCoding::Release() {
  codes_.reset();
  Truncate(0);
}

RowCoding::Measured RowCoding::Give() const { return {codes_, suits_, reach_}; }

void RowCoding::Take(Measured measured, uint64_t rows) {
  if (measured.codes != nullptr) measured.codes->ServeReaders(readers_);
  Set(std::move(measured.codes));
  changed_ = false;
  reach_ = measured.reach;
  suits_ = measured.suits;
  measured_on_ = rows;
}

std::shared_ptr<const RowCodes> RowCoding::ForLinking(uint64_t from, uint64_t rows,
                                                      size_t threads) {
  if (codes_ != nullptr && codes_->rows() >= rows) return codes_;
  // Codes of the previous part of an append are still valid.
  std::shared_ptr<RowCodes> codes = std::move(for_linking_);
  for_linking_.reset();
  if (rows < kCodesFrom || rows - from < rows / kLinkedPart || rows < 2 * linking_failed_at_) {
    return nullptr;
  }
  if (codes != nullptr && codes->rows() != from) codes.reset();
  for_linking_ = Extended(CodeKind::kNibbles, std::move(codes), rows, threads);
  return for_linking_;
}

// Searches for a sample of rows on codes, and counts how often the exact distances show that the
// estimates were not sure.
void RowCoding::Measure(uint64_t rows, const Graph& graph, const Space& space) {
  changed_ = false;
  reach_ = std::numeric_limits<float>::infinity();
  suits_ = false;
  const std::shared_ptr<const RowCodes> codes = codes_;
  if (codes == nullptr) return;
  measured_on_ = rows;
  // Converts ordering distances to ones that can be multiplied, and back: see DistanceOf in
  // search.cc.
  const bool cosine = parameters_.metric == Metric::kCosine;
  const auto size_of = [&](float ordering) {
    return cosine ? 1.0f + ordering : std::sqrt(std::max(0.0f, ordering));
  };
  Space walk = space;
  walk.codes = codes.get();
  const uint64_t end = std::min<uint64_t>(graph.size(), codes->rows());
  const uint64_t step = std::max<uint64_t>(1, end / kReachSample);
  float farthest = 0;
  double between = 0;  // distances of unrelated rows
  size_t taken = 0;
  size_t unsure = 0;
  try {
    ScratchPool::Lease scratch(scratches_);
    walk.query_code = &scratch->query_code;
    SearchLimits limits;
    limits.k = kReachNeighbor + 1;
    limits.ef = kReachEf;
    for (uint64_t row = 0; row < end; row += step, ++taken) {
      const float* query = space.row(static_cast<uint32_t>(row));
      codes->Prepare(query, &scratch->query_code);
      std::vector<Neighbor>& hits = scratch->hits;
      if (SearchGraph(graph, walk, query, limits, &*scratch, &hits) != Walk::kOk) return;
      bool sure = false;
      if (hits.size() <= kReachNeighbor || Rerank(space, query, scratch->query_code, limits.k,
                                                  limits.ef, &hits, &sure) != Walk::kOk) {
        return;
      }
      unsure += sure ? 0 : 1;
      farthest = std::max(farthest, size_of(hits[kReachNeighbor].distance));
      const uint64_t other = (row + end / 2) % end;
      between += size_of(space.Distance(query, space.row(static_cast<uint32_t>(other))));
    }
  } catch (const std::bad_alloc&) {
    return;
  }
  suits_ = unsure * kUnsureShare <= taken;
  // Inner products of rows of any length are no measure of nearness.
  if (!suits_ || parameters_.metric == Metric::kDot) return;
  // If frames repeat, all neighbors may be copies; hence the second term.
  const double mean = between / static_cast<double>(std::max<size_t>(1, taken));
  const float reach = std::max(1.1f * farthest, 0.3f * static_cast<float>(mean));
  reach_ = cosine ? reach - 1.0f : reach * reach;
}

}  // namespace sightline
