// A script of operations on one index, and what the index must hold after each of them: the oracle.
#ifndef SIGHTLINE_HARNESS_WORKLOAD_H_
#define SIGHTLINE_HARNESS_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "index/index.h"
#include "scratch.h"

namespace sightline::harness {

inline constexpr uint32_t kDim = 6;

enum class Verb { kCreate, kAdd, kSetPayloads, kRemove, kRollback, kSave, kReopen };

struct Operation {
  Verb verb = Verb::kSave;
  uint64_t rows = 0;          // add: how many; rollback: how many stay
  std::vector<int64_t> keys;  // add, remove, set payloads
  // Add, set payloads: which one each of the rows gets; 0: none.
  uint32_t payload = 0;
};

// What an index holds. The vector of a row follows from its key: keys are never used twice.
struct Content {
  std::vector<int64_t> keys;
  std::vector<bool> live;
  std::vector<uint32_t> payloads;  // which one; 0: none
  bool operator==(const Content&) const = default;
};

std::vector<float> VectorOf(int64_t key);
// Its length depends on the key as well.
std::vector<unsigned char> PayloadOf(int64_t key, uint32_t payload);
Payloads PayloadsOf(const std::vector<int64_t>& keys, uint32_t payload);
IndexParameters SmallParameters();

// Starts with kCreate. `length` operations; large: some appends need several pages of the log.
std::vector<Operation> MakeScript(uint64_t seed, size_t length);
Content After(Content before, const Operation& operation);

// Does it; for kCreate and kReopen *index is replaced.
Status Do(const Operation& operation, const std::string& folder, std::shared_ptr<Index>* index);

// Empty if the index holds exactly this, bit for bit, and answers accordingly; else what differs.
std::string Compare(const Index& index, const Content& content);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_WORKLOAD_H_
