// Codes of the rows: which, when they are made, and how far a query's neighbors usually are.
// docs/adr/0008 has the figures; code_search.cc uses them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <thread>

#include "index/index.h"

namespace sightline {
namespace {

// Below this everything fits the cache and a walk on rows is as fast.
constexpr uint64_t kCodesFrom = 4096;
// The centre of the first rows may not be that of all: it is taken again each time there are so
// many times more. Costs a third of the coding once more.
constexpr uint64_t kCentreAgain = 4;
// Codes for linking alone pay once a row in so many is to be linked: coding one costs 5 us of the
// processor, linking one on rows instead of codes 300 us more (512 floats).
constexpr uint64_t kLinkedPart = 32;

// Rows coded by one call: some 10 us each, so that a caller can stop between calls.
constexpr uint64_t kRowsPerCall = 32768;

constexpr size_t kReachSample = 256;
constexpr size_t kReachNeighbor = 10;
constexpr size_t kReachEf = 64;
// Codes that cannot answer for one row in so many are not searched on: each such search is done
// again on rows.
constexpr size_t kUnsureShare = 4;
// Measured again when there are half as many rows more.
constexpr uint64_t kMeasureAgain = 2;

// What a storage keeps for searches; false: nothing.
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

std::shared_ptr<const RowCodes> Index::Codes() const {
  const std::lock_guard<std::mutex> lock(codes_mutex_);
  return codes_;
}

// Codes of rows [0, rows) in address space for `room`; null without memory for them, or with rows
// that are damaged.
std::shared_ptr<RowCodes> Index::MakeCodes(CodeKind kind, uint64_t rows, uint64_t room,
                                           size_t threads) const {
  if (threads == 0) threads = std::max<size_t>(1, std::thread::hardware_concurrency());
  try {
    VectorView view = rows_.view();
    view.count = static_cast<size_t>(rows);
    auto codes = std::make_shared<RowCodes>(kind, kernels_, parameters_.metric, parameters_.dim,
                                            parameters_.seed);
    if (!rows_.EnsureTrusted(0, rows).ok() || !codes->Reserve(room, &readers_).ok()) return nullptr;
    codes->Centre(view);
    return codes->Encode(view, 0, view.count, threads).ok() ? codes : nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// Codes are only a faster way: without them searches walk on the rows, and those report what they
// meet. The codes of an index that was opened are made when it is warmed, or when it has grown to
// twice its size, so that neither opening nor adding a row to a large one waits for them.
void Index::UpdateCodes(uint64_t rows, size_t threads) {
  CodeKind kind;
  if (!KindOf(storage_, &kind) || rows < kCodesFrom) return;
  if (threads == 0) threads = std::max<size_t>(1, std::thread::hardware_concurrency());
  std::shared_ptr<RowCodes> codes = codes_;  // only writers set it
  if (codes == nullptr && rows < 2 * opened_rows_) return;
  if (codes == nullptr || rows >= kCentreAgain * codes->centred_on()) {
    codes = MakeCodes(kind, rows, rows_.most(), threads);
  } else {
    try {
      if (!codes->Encode(rows_.view(), codes->rows(), rows, threads).ok()) codes = nullptr;
    } catch (const std::bad_alloc&) {
      codes = nullptr;
    }
  }
  SetCodes(std::move(codes));
}

void Index::SetCodes(std::shared_ptr<RowCodes> codes) {
  unfinished_codes_.reset();
  const std::lock_guard<std::mutex> lock(codes_mutex_);
  codes_ = std::move(codes);
}

bool Index::CodesAreDue() const {
  const uint64_t rows = keys_.rows();
  return codes_ != nullptr && rows >= codes_measured_on_ + codes_measured_on_ / kMeasureAgain;
}

uint64_t Index::UncodedRows() const {
  CodeKind kind;
  const uint64_t rows = keys_.rows();
  return KindOf(storage_, &kind) && rows >= kCodesFrom && Codes() == nullptr ? rows : 0;
}

// The next rows of codes that are not used before all rows have one.
Status Index::CodeRows(size_t threads, uint64_t* next) {
  const uint64_t rows = keys_.rows();
  *next = rows;
  CodeKind kind;
  if (UncodedRows() == 0 || !KindOf(storage_, &kind)) return Status::Ok();
  if (threads == 0) threads = std::max<size_t>(1, std::thread::hardware_concurrency());
  VectorView view = rows_.view();
  view.count = static_cast<size_t>(rows);
  try {
    std::shared_ptr<RowCodes> codes = std::move(unfinished_codes_);
    unfinished_codes_.reset();
    if (codes == nullptr || codes->rows() > rows) {
      codes = std::make_shared<RowCodes>(kind, kernels_, parameters_.metric, parameters_.dim,
                                         parameters_.seed);
      // Searches on the rows report the damage that they meet.
      if (!rows_.EnsureTrusted(0, rows).ok()) return Status::Ok();
      SL_RETURN_IF_ERROR(codes->Reserve(rows_.most(), &readers_));
      codes->Centre(view);
    }
    const uint64_t from = codes->rows();
    const uint64_t to = std::min(rows, from + kRowsPerCall);
    if (!rows_.EnsureTrusted(from, to).ok()) return Status::Ok();
    SL_RETURN_IF_ERROR(codes->Encode(view, from, to, threads));
    if (to < rows) {
      unfinished_codes_ = std::move(codes);
    } else {
      SetCodes(std::move(codes));
      LearnCodes();
    }
    *next = to;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kNoMemory, "no memory to code rows");
  }
  return Status::Ok();
}

// Why searches do not walk on codes, in words for people.
const char* Index::WhyNoCodes() const {
  CodeKind kind;
  if (inline_ != nullptr) return WhyNotInline();
  if (!KindOf(storage_, &kind)) return "storage f32 has none";
  if (keys_.rows() < kCodesFrom) return "too few rows";
  if (Codes() == nullptr) return "not made yet: warm() makes them";
  return "they do not rank the rows of this index well enough";
}

std::shared_ptr<const RowCodes> Index::CodesForLinking(uint64_t from, uint64_t rows,
                                                       size_t threads) const {
  if (codes_ != nullptr && codes_->rows() >= rows) return codes_;
  if (rows < kCodesFrom || rows - from < rows / kLinkedPart || rows < 2 * codes_failed_at_) {
    link_codes_.reset();
    return nullptr;
  }
  // A large append comes in parts: what was coded for the last one is still good.
  std::shared_ptr<RowCodes> codes = std::move(link_codes_);
  link_codes_.reset();
  const bool usable = codes != nullptr && codes->rows() <= rows && codes->rows() == from &&
                      rows < kCentreAgain * codes->centred_on();
  if (usable) {
    if (threads == 0) threads = std::max<size_t>(1, std::thread::hardware_concurrency());
    try {
      if (!codes
               ->Encode(rows_.view(), static_cast<size_t>(from), static_cast<size_t>(rows), threads)
               .ok()) {
        codes.reset();
      }
    } catch (const std::bad_alloc&) {
      codes.reset();
    }
  } else {
    codes = MakeCodes(CodeKind::kNibbles, rows, rows_.most(), threads);
  }
  link_codes_ = codes;
  return codes;
}

// Codes are not trusted to suit the rows: some of these are searched for on them, and it is counted
// how often the exact distances of what is found say that the estimates could not tell.
void Index::LearnCodes() {
  reach_ = std::numeric_limits<float>::infinity();
  const std::shared_ptr<const RowCodes> codes = Codes();
  codes_suit_ = false;
  if (codes == nullptr) return;
  codes_measured_on_ = keys_.rows();
  // From ordering distances to ones that can be multiplied, and back: see DistanceOf in read.cc.
  const bool cosine = parameters_.metric == Metric::kCosine;
  const auto size_of = [&](float ordering) {
    return cosine ? 1.0f + ordering : std::sqrt(std::max(0.0f, ordering));
  };
  const Space space = MakeSpace();
  Space walk = space;
  walk.codes = codes.get();
  const uint64_t rows = std::min<uint64_t>(graph_->size(), codes->rows());
  const uint64_t step = std::max<uint64_t>(1, rows / kReachSample);
  float farthest = 0;
  double between = 0;  // rows that have nothing to do with each other
  size_t taken = 0;
  size_t unsure = 0;
  try {
    ScratchPool::Lease scratch(&scratches_);
    walk.query_code = &scratch->query_code;
    SearchLimits limits;
    limits.k = kReachNeighbor + 1;
    limits.ef = kReachEf;
    for (uint64_t row = 0; row < rows; row += step, ++taken) {
      const float* query = space.row(static_cast<uint32_t>(row));
      codes->Prepare(query, &scratch->query_code);
      std::vector<Neighbor>& hits = scratch->hits;
      if (SearchGraph(*graph_, walk, query, limits, &*scratch, &hits) != Walk::kOk) return;
      bool sure = false;
      if (hits.size() <= kReachNeighbor ||
          !Rerank(query, scratch->query_code, limits.k, limits.ef, &hits, &sure).ok()) {
        return;
      }
      unsure += sure ? 0 : 1;
      farthest = std::max(farthest, size_of(hits[kReachNeighbor].distance));
      const uint64_t other = (row + rows / 2) % rows;
      between += size_of(space.Distance(query, space.row(static_cast<uint32_t>(other))));
    }
  } catch (const std::bad_alloc&) {
    return;
  }
  codes_suit_ = unsure * kUnsureShare <= taken;
  // Inner products of rows of any length say nothing about how near two rows are.
  if (!codes_suit_ || parameters_.metric == Metric::kDot) return;
  // Where frames repeat all neighbors may be copies; hence the second term.
  const double mean = between / static_cast<double>(std::max<size_t>(1, taken));
  const float reach = std::max(1.1f * farthest, 0.3f * static_cast<float>(mean));
  reach_ = cosine ? reach - 1.0f : reach * reach;
}

}  // namespace sightline
