// Compares a kernel table with the scalar one on a fixed set of random values, before it is used.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "core/rng.h"
#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace sightline {
namespace {

// All tail lengths of all register widths, and a length with two rounds of the unrolled loops.
constexpr size_t kCheckDims[] = {1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 96, 129, 200};
constexpr size_t kCheckRows = 9;  // two groups of any size and a remainder

struct Checked {
  PairFn pair;
  ManyFn many;
  PairFn reference;
};

bool Agrees(const Checked& check, const std::vector<float>& query, const std::vector<float>& rows,
            size_t dim) {
  float out[kCheckRows];
  check.many(query.data(), reinterpret_cast<const unsigned char*>(rows.data()), dim * sizeof(float),
             nullptr, kCheckRows, dim, out);
  for (size_t r = 0; r < kCheckRows; ++r) {
    const float* row = rows.data() + r * dim;
    const float expected = check.reference(query.data(), row, dim);
    // Values are in (-1, 1], so a term is at most 4; both sides may have the stated error.
    const double bound = 2.0 * (dim / 8.0 + 16.0) * 0x1.0p-24 * 4.0 * static_cast<double>(dim);
    if (!(std::fabs(static_cast<double>(out[r]) - expected) <= bound)) return false;
    if (check.pair(query.data(), row, dim) != out[r]) return false;
  }
  return true;
}

// Lists that grow from nothing, with repeated distances.
bool InsertsAgree(const InlineCodeKernels& kernels, Rng* rng) {
  constexpr size_t kEntries = 70;
  std::vector<float> distances[2];
  std::vector<uint32_t> ids[2];
  for (size_t i = 0; i < 2; ++i) {
    distances[i].assign(kEntries + kListSlack, std::numeric_limits<float>::infinity());
    ids[i].resize(kEntries + kListSlack);
  }
  for (uint32_t count = 0; count < kEntries; ++count) {
    const float distance = static_cast<float>(rng->Below(kEntries)) - 20.0f;
    const size_t expected =
        kScalarInlineCodes.insert(distances[0].data(), ids[0].data(), count, distance, count);
    if (kernels.insert(distances[1].data(), ids[1].data(), count, distance, count) != expected ||
        distances[0] != distances[1] ||
        !std::equal(ids[0].begin(), ids[0].begin() + count + 1, ids[1].begin())) {
      return false;
    }
  }
  return true;
}

// Codes to the bit, table entries to one unit, distances to rounding.
bool InlineCodesAgree(const InlineCodeKernels& checked, Rng* rng, size_t groups) {
  const InlineCodeKernels& scalar = kScalarInlineCodes;
  const size_t n = 4 * groups;
  std::vector<float> a(n);
  std::vector<float> b(n);
  for (float& value : a) value = static_cast<float>(2.0 * rng->Unit() - 1.0);
  for (float& value : b) value = static_cast<float>(2.0 * rng->Unit() - 1.0);
  const auto close = [n](float x, float y) {
    return std::fabs(x - y) <= 1e-5f * static_cast<float>(n);
  };
  std::vector<uint8_t> tables[2] = {std::vector<uint8_t>(16 * groups),
                                    std::vector<uint8_t>(16 * groups)};
  float scale[2];
  float bias[2];
  scalar.fill_table(a.data(), groups, tables[0].data(), &scale[0], &bias[0]);
  checked.fill_table(a.data(), groups, tables[1].data(), &scale[1], &bias[1]);
  if (!close(scale[0], scale[1]) || !close(bias[0], bias[1])) return false;
  for (size_t i = 0; i < tables[0].size(); ++i) {
    if (std::abs(tables[0][i] - tables[1][i]) > 1) return false;
  }
  std::vector<unsigned char> blocks[2];
  DifferenceSums expected[kLanes];
  for (int i = 0; i < 2; ++i) {
    const InlineCodeKernels& kernels = i == 0 ? scalar : checked;
    blocks[i].assign(sizeof(InlineBlock) + 16 * groups, 0);
    InlineBlock& block = *reinterpret_cast<InlineBlock*>(blocks[i].data());
    for (const size_t lane : {0, 5, 15, 16, 31}) {
      DifferenceSums sums;
      std::vector<uint16_t> halves(n);
      kernels.halve(a.data(), n, halves.data());
      kernels.encode(halves.data(), b.data(), a.data(), groups, lane, block.codes(), &sums);
      DifferenceSums& first = expected[lane];
      if (i == 0) first = sums;
      if (!close(first.sizes, sums.sizes) || !close(first.squares, sums.squares) ||
          !close(first.along, sums.along) || !close(first.signs, sums.signs)) {
        return false;
      }
      std::rotate(a.begin(), a.begin() + 1, a.end());
      block.offset[lane] = static_cast<uint8_t>(lane);
      block.slope[lane] = static_cast<uint8_t>(7 * lane);
    }
    std::rotate(a.rbegin(), a.rbegin() + 5, a.rend());
    block.offset_low = 0.5f;
    block.offset_step = 0.25f;
    block.slope_step = 0.125f;
  }
  if (blocks[0] != blocks[1]) return false;
  const InlineBlock& block = *reinterpret_cast<const InlineBlock*>(blocks[0].data());
  const SignTable table{tables[0].data(), groups, scale[0], bias[0]};
  float got[2][kLanes];
  scalar.price(table, 0.5f, block, 1.0f, 0.0f, FetchAhead{}, got[0]);
  const uint32_t below = checked.price(table, 0.5f, block, 1.0f, 0.0f, FetchAhead{}, got[1]);
  for (size_t lane = 0; lane < kLanes; ++lane) {
    // Slopes of up to 255 units of an eighth multiply the rounding of the sums.
    if (std::fabs(got[0][lane] - got[1][lane]) > 1e-3f * static_cast<float>(n)) return false;
    if (((below >> lane) & 1) != (got[1][lane] < 0.0f)) return false;
  }
  if ((n & (n - 1)) != 0) return true;
  scalar.hadamard(a.data(), n);
  std::vector<float> c = a;
  scalar.hadamard(a.data(), n);
  checked.hadamard(c.data(), n);
  // Transforming twice multiplies by n.
  for (size_t i = 0; i < n; ++i) {
    if (std::fabs(a[i] - c[i]) > 1e-4f * static_cast<float>(n)) return false;
  }
  return true;
}

// Codes of random bytes, or of random halves that are neither infinite nor NaN.
bool CodesAgree(const RowCodeKernels& kernels, Rng* rng, size_t blocks) {
  std::vector<int8_t> query(64 * blocks);
  std::vector<float> floats(16 * blocks);
  std::vector<unsigned char> memory(32 * blocks * kCheckRows);
  const CodeRows codes{memory.data(), 32 * blocks, blocks};
  const CodeRows pairs{memory.data(), 16 * blocks, blocks};
  for (int8_t& value : query) value = static_cast<int8_t>(static_cast<int>(rng->Below(255)) - 127);
  for (float& value : floats) value = static_cast<float>(2.0 * rng->Unit() - 1.0);
  const auto equal = [&](const CodeRows& of, IntegerCodesFn fn, IntegerCodesFn reference) {
    int32_t got[kCheckRows];
    int32_t expected[kCheckRows];
    fn(query.data(), of, nullptr, kCheckRows, got);
    reference(query.data(), of, nullptr, kCheckRows, expected);
    return std::equal(got, got + kCheckRows, expected);
  };
  for (unsigned char& value : memory) value = static_cast<unsigned char>(rng->Next());
  if (!equal(pairs, kernels.pairs, kScalarRowCodes.pairs)) return false;
  if (!equal(codes, kernels.nibbles, kScalarRowCodes.nibbles)) return false;
  for (unsigned char& value : memory) value &= 127;
  if (!equal(codes, kernels.bytes, kScalarRowCodes.bytes)) return false;
  // The high byte of a half: with bits 2 to 6 all set it is infinite or NaN; 0x3f keeps it below 2.
  for (size_t i = 1; i < memory.size(); i += 2) {
    memory[i] = static_cast<unsigned char>(rng->Next() & 0xbf);
  }
  float got[kCheckRows];
  float expected[kCheckRows];
  kernels.halves(floats.data(), codes, nullptr, kCheckRows, got);
  kScalarRowCodes.halves(floats.data(), codes, nullptr, kCheckRows, expected);
  const double terms = 2.0 * 16.0 * static_cast<double>(blocks);
  const double bound = 2.0 * (2.0 * static_cast<double>(blocks) + 16.0) * 0x1.0p-24 * terms;
  for (size_t r = 0; r < kCheckRows; ++r) {
    if (!(std::fabs(static_cast<double>(got[r]) - expected[r]) <= bound)) return false;
  }
  return true;
}

}  // namespace

bool PassesSelfCheck(const KernelTable& table) {
  Rng rng(20240229);
  for (const size_t dim : kCheckDims) {
    std::vector<float> query(dim);
    std::vector<float> rows(dim * kCheckRows);
    for (float& value : query) value = static_cast<float>(2.0 * rng.Unit() - 1.0);
    for (float& value : rows) value = static_cast<float>(2.0 * rng.Unit() - 1.0);
    if (!Agrees({table.dot, table.dot_many, kScalarKernels.dot}, query, rows, dim) ||
        !Agrees({table.squared_l2, table.squared_l2_many, kScalarKernels.squared_l2}, query, rows,
                dim)) {
      return false;
    }
  }
  for (size_t blocks = 1; blocks <= 9; ++blocks) {
    if (!CodesAgree(*table.row_codes, &rng, blocks)) return false;
  }
  if (table.inline_codes == &kScalarInlineCodes) return true;
  if (!InsertsAgree(*table.inline_codes, &rng)) return false;
  for (const size_t groups : {2, 4, 6, 8, 10, 32, 128}) {
    if (!InlineCodesAgree(*table.inline_codes, &rng, groups)) return false;
  }
  return true;
}

}  // namespace sightline
