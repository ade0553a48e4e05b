#include "format/crc32c.h"

#include <cstring>
#include <numeric>
#include <vector>

#include "core/rng.h"
#include "runner.h"

namespace sightline {
namespace {

// Bit by bit, from the definition: what the two fast forms are compared with.
uint32_t ByDefinition(const std::vector<unsigned char>& bytes) {
  uint32_t state = 0xffffffff;
  for (const unsigned char byte : bytes) {
    state ^= byte;
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) ? 0x82f63b78 : 0);
  }
  return ~state;
}

using Crc = uint32_t (*)(const void*, size_t, uint32_t);
constexpr Crc kForms[] = {Crc32c, Crc32cPortable};

// Source: RFC 3720, appendix B.4 (iSCSI), and the usual check value.
SL_TEST(crc32c_gives_the_published_values) {
  unsigned char bytes[32];
  for (const Crc crc : kForms) {
    CHECK_EQ(crc("123456789", 9, 0), 0xe3069283u);
    CHECK_EQ(crc(nullptr, 0, 0), 0u);
    std::memset(bytes, 0, sizeof(bytes));
    CHECK_EQ(crc(bytes, sizeof(bytes), 0), 0x8a9136aau);
    std::memset(bytes, 0xff, sizeof(bytes));
    CHECK_EQ(crc(bytes, sizeof(bytes), 0), 0x62a8ab43u);
    std::iota(bytes, bytes + sizeof(bytes), static_cast<unsigned char>(0));
    CHECK_EQ(crc(bytes, sizeof(bytes), 0), 0x46dd794eu);
  }
}

SL_TEST(crc32c_agrees_with_its_definition_at_every_length_and_offset) {
  Rng rng(21);
  std::vector<unsigned char> bytes(70000);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(rng.Next());
  // 6144 is one round of three streams; around it and its multiples the forms change over.
  for (size_t size : {0, 1, 7, 8, 9, 63, 64, 100, 6143, 6144, 6145, 6152, 12288, 18441, 65000}) {
    for (size_t offset = 0; offset < 9; ++offset) {
      const std::vector<unsigned char> part(bytes.begin() + offset, bytes.begin() + offset + size);
      const uint32_t expected = ByDefinition(part);
      for (const Crc crc : kForms) CHECK_EQ(crc(bytes.data() + offset, size, 0), expected);
    }
  }
}

SL_TEST(crc32c_of_parts_is_that_of_the_whole) {
  Rng rng(22);
  std::vector<unsigned char> bytes(20000);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(rng.Next());
  for (int trial = 0; trial < 200; ++trial) {
    const size_t cut = rng.Below(20001);
    for (const Crc crc : kForms) {
      CHECK_EQ(crc(bytes.data() + cut, bytes.size() - cut, crc(bytes.data(), cut, 0)),
               Crc32c(bytes.data(), bytes.size()));
    }
    const uint32_t first = Crc32c(bytes.data(), cut);
    const uint32_t second = Crc32c(bytes.data() + cut, bytes.size() - cut);
    CHECK_EQ(Crc32cJoin(first, second, bytes.size() - cut), Crc32c(bytes.data(), bytes.size()));
  }
}

}  // namespace
}  // namespace sightline
