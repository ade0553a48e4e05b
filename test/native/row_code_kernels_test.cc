// Every kernel for codes this machine can run, against scalar.
#include <cmath>
#include <cstring>
#include <vector>

#include "core/rng.h"
#include "guarded.h"
#include "kernels/kernels.h"
#include "runner.h"

namespace sightline {
namespace {

constexpr size_t kRows = 11;  // groups of any size and a remainder
constexpr size_t kMost = 40;  // blocks
const std::vector<uint32_t> kOrder = {3, 0, 10, 8, 1, 7, 2, 9, 6, 5, 4};

std::vector<const KernelTable*> Kernels() {
  const KernelTable* const* all;
  const size_t count = AllKernels(&all);
  std::vector<const KernelTable*> supported;
  for (size_t i = 0; i < count; ++i) {
    if (Supported(*all[i])) supported.push_back(all[i]);
  }
  return supported;
}

// Whether the function gives `expected` for rows in order and picked.
template <typename Fn, typename Query, typename Value>
bool Gives(Fn fn, const Query* query, const CodeRows& codes, const Value* expected) {
  Value in_order[kRows];
  Value picked[kRows];
  fn(query, codes, nullptr, kRows, in_order);
  fn(query, codes, kOrder.data(), kRows, picked);
  for (size_t i = 0; i < kRows; ++i) {
    if (in_order[i] != expected[i] || picked[i] != expected[kOrder[i]]) return false;
  }
  return true;
}

}  // namespace

SL_TEST(row_code_kernels_of_integers_equal_scalar_against_guard_pages) {
  Rng rng(51);
  test::Guarded query_memory(64 * kMost);
  test::Guarded code_memory(kRows * (32 * kMost + 8));
  for (size_t blocks = 1; blocks <= kMost; ++blocks) {
    for (const size_t gap : {0, 8}) {
      for (const bool extreme : {false, true}) {
        for (const int bits : {2, 4, 7}) {
          const size_t values = (bits == 7 ? 32 : 64) * blocks;
          const size_t code = (bits == 2 ? 16 : 32) * blocks;
          const size_t stride = code + gap;
          const size_t bytes = (kRows - 1) * stride + code;
          int8_t* query = reinterpret_cast<int8_t*>(query_memory.Tail(values));
          unsigned char* memory = code_memory.Tail(bytes);
          for (size_t i = 0; i < values; ++i) {
            query[i] = static_cast<int8_t>(extreme ? -127 : static_cast<int>(rng.Below(255)) - 127);
          }
          for (size_t i = 0; i < bytes; ++i) {
            memory[i] = static_cast<unsigned char>((extreme ? 0xff : rng.Below(256)) &
                                                   (bits == 7 ? 0x7f : 0xff));
          }
          const CodeRows codes{memory, stride, blocks};
          const auto of = [&](const RowCodeKernels& kernels) {
            return bits == 2 ? kernels.pairs : bits == 4 ? kernels.nibbles : kernels.bytes;
          };
          int32_t expected[kRows];
          of(kScalarRowCodes)(query, codes, nullptr, kRows, expected);
          const int32_t level = (1 << bits) - 1;
          if (extreme) CHECK_EQ(expected[0], -127 * level * static_cast<int32_t>(values));
          for (const KernelTable* table : Kernels()) {
            CHECK(Gives(of(*table->row_codes), query, codes, expected));
          }
        }
      }
    }
  }
}

SL_TEST(row_code_kernels_of_halves_are_within_the_bound_against_guard_pages) {
  Rng rng(52);
  test::Guarded query_memory(64 * kMost);
  test::Guarded code_memory(kRows * 32 * kMost);
  for (size_t blocks = 1; blocks <= kMost; ++blocks) {
    const size_t stride = 32 * blocks;
    float* query = query_memory.Floats(16 * blocks);
    unsigned char* memory = code_memory.Tail(kRows * stride);
    for (size_t i = 0; i < 16 * blocks; ++i) {
      query[i] = static_cast<float>(2.0 * rng.Unit() - 1.0);
    }
    // Bit 6 of the high byte off: below 2, zeros and subnormal ones among them.
    for (size_t i = 0; i < kRows * stride; ++i) {
      memory[i] = static_cast<unsigned char>(rng.Next() & (i % 2 == 1 ? 0xbf : 0xff));
    }
    if (blocks % 3 == 0) {
      for (size_t i = 1; i < kRows * stride; i += 6) memory[i] &= 0x83;
    }
    const CodeRows codes{memory, stride, blocks};
    const auto at = [&](size_t row, size_t i) {
      uint16_t half;
      std::memcpy(&half, memory + row * stride + 2 * i, sizeof(half));
      const int exponent = (half >> 10) & 31;
      const double fraction = (half & 1023) / 1024.0;
      const double size =
          exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1.0 + fraction, exponent - 15);
      return (half & 0x8000) != 0 ? -size : size;
    };
    for (const KernelTable* table : Kernels()) {
      float first[kRows];
      table->row_codes->halves(query, codes, nullptr, kRows, first);
      for (size_t row = 0; row < kRows; ++row) {
        double exact = 0;
        double terms = 0;
        for (size_t i = 0; i < 16 * blocks; ++i) {
          exact += at(row, i) * query[i];
          terms += std::fabs(at(row, i) * query[i]);
        }
        const double bound = (2.0 * static_cast<double>(blocks) + 16) * 0x1.0p-24 * terms;
        CHECK(std::fabs(exact - static_cast<double>(first[row])) <= bound);
      }
      CHECK(Gives(table->row_codes->halves, query, codes, first));
    }
  }
}

SL_TEST(row_code_kernels_with_no_rows_touch_nothing) {
  const CodeRows none{nullptr, 0, 1};
  for (const KernelTable* table : Kernels()) {
    table->row_codes->nibbles(nullptr, none, nullptr, 0, nullptr);
    table->row_codes->pairs(nullptr, none, nullptr, 0, nullptr);
    table->row_codes->bytes(nullptr, none, nullptr, 0, nullptr);
    table->row_codes->halves(nullptr, none, nullptr, 0, nullptr);
  }
}

int32_t g_wrong = 0;

void WrongBytes(const int8_t* query, const CodeRows& codes, const uint32_t* rows, size_t n,
                int32_t* out) {
  kScalarRowCodes.bytes(query, codes, rows, n, out);
  if (codes.blocks == 7) out[n - 1] += g_wrong;
}

SL_TEST(the_self_check_refuses_a_code_kernel_that_is_off_by_one) {
  RowCodeKernels codes = kScalarRowCodes;
  codes.bytes = WrongBytes;
  KernelTable table = *Kernels().back();
  table.row_codes = &codes;
  g_wrong = 0;
  CHECK(PassesSelfCheck(table));
  g_wrong = 1;
  CHECK(!PassesSelfCheck(table));
}

}  // namespace sightline
