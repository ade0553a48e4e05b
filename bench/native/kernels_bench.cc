// Figures of the kernels and of the exact scan next to what memory delivers, without Node.
//
//   sightline_bench [rows]     one JSON object on stdout
//
// Every figure is the median of several rounds; the spread goes with it as the fastest round.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/aligned.h"
#include "core/rng.h"
#include "core/top_k.h"
#include "exact/exact_scan.h"
#include "format/crc32c.h"
#include "kernels/kernels.h"

namespace sightline {
namespace {

constexpr size_t kDim = 512;
constexpr size_t kCachedRows = 200;  // 400 KiB: second cache level
constexpr int kRounds = 9;

struct Times {
  double median;
  double best;
};

// Seconds per call of `work`, which is called `calls` times a round.
Times Measure(int calls, const std::function<void()>& work) {
  std::vector<double> rounds;
  work();
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    rounds.push_back(took.count() / calls);
  }
  std::sort(rounds.begin(), rounds.end());
  return {rounds[kRounds / 2], rounds[0]};
}

// Keeps results alive without storing them.
volatile float sink;

void PrintNanoseconds(const char* name, const Times& times, double per, bool last = false) {
  std::printf("\"%s\":{\"median_ns\":%.2f,\"best_ns\":%.2f}%s", name, times.median / per * 1e9,
              times.best / per * 1e9, last ? "" : ",");
}

void PrintRate(const char* name, const Times& times, double bytes, bool last = false) {
  std::printf("\"%s\":{\"median_gb_s\":%.2f,\"best_gb_s\":%.2f}%s", name,
              bytes / times.median * 1e-9, bytes / times.best * 1e-9, last ? "" : ",");
}

// The plainest full read: eight sums of 64-bit words.
uint64_t Stream(const unsigned char* data, size_t size) {
  uint64_t sums[8] = {};
  const uint64_t* words = reinterpret_cast<const uint64_t*>(data);
  for (size_t i = 0; i + 8 <= size / 8; i += 8) {
    for (size_t lane = 0; lane < 8; ++lane) sums[lane] += words[i + lane];
  }
  uint64_t sum = 0;
  for (const uint64_t lane : sums) sum += lane;
  return sum;
}

void Kernels(const float* rows, const float* query) {
  const KernelTable* const* all;
  const size_t count = AllKernels(&all);
  std::vector<float> out(kCachedRows);
  std::vector<uint32_t> order(kCachedRows);
  Rng rng(2);
  for (uint32_t& row : order) row = rng.Below(kCachedRows);
  const unsigned char* base = reinterpret_cast<const unsigned char*>(rows);
  bool first = true;
  std::printf("\"kernels\":{");
  for (size_t i = 0; i < count; ++i) {
    const KernelTable& table = *all[i];
    if (!Supported(table)) continue;
    std::printf("%s\"%s\":{", first ? "" : ",", table.name);
    first = false;
    const auto pair = [&](PairFn fn) {
      return Measure(100, [&] {
        float sum = 0;
        for (size_t r = 0; r < kCachedRows; ++r) sum += fn(query, rows + r * kDim, kDim);
        sink = sum;
      });
    };
    const auto many = [&](ManyFn fn, const uint32_t* picked) {
      return Measure(100, [&] {
        fn(query, base, kDim * 4, picked, kCachedRows, kDim, out.data());
        sink = out[7];
      });
    };
    PrintNanoseconds("dot", pair(table.dot), kCachedRows);
    PrintNanoseconds("dot_many", many(table.dot_many, order.data()), kCachedRows);
    PrintNanoseconds("dot_sequential", many(table.dot_many, nullptr), kCachedRows);
    PrintNanoseconds("squared_l2", pair(table.squared_l2), kCachedRows);
    PrintNanoseconds("squared_l2_many", many(table.squared_l2_many, order.data()), kCachedRows,
                     true);
    std::printf("}");
  }
  std::printf("},");
}

int Run(size_t count) {
  AlignedArray<float> rows(count * kDim, 4096);
  AlignedArray<float> query(kDim);
  Rng rng(1);
  for (float& value : rows) value = static_cast<float>(rng.Unit() - 0.5);
  for (float& value : query) value = static_cast<float>(rng.Unit() - 0.5);
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(rows.data());
  const double size = static_cast<double>(count) * kDim * 4;
  const VectorView view = {bytes, count, kDim, kDim * 4};

  const KernelTable* table;
  const Status status = ChooseKernels(&table);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  std::printf("{\"kernel\":\"%s\",\"rows\":%zu,\"dim\":%zu,", table->name, count, kDim);
  Kernels(rows.data(), query.data());

  const auto scan = [&](TopK* top, size_t begin, size_t end) {
    ExactScanRange(*table, Metric::kDot, view, begin, end, nullptr, query.data(), nullptr, top);
  };
  const auto on_two = [&](const std::function<void(size_t, size_t)>& work) {
    std::thread other([&] { work(0, count / 2); });
    work(count / 2, count);
    other.join();
  };
  PrintRate("stream_read",
            Measure(1, [&] { sink = static_cast<float>(Stream(bytes, count * kDim * 4)); }), size);
  PrintRate("exact_scan",
            Measure(1,
                    [&] {
                      TopK top(10);
                      scan(&top, 0, count);
                      sink = top.worst();
                    }),
            size);
  PrintRate("stream_read_2_threads",
            Measure(1,
                    [&] {
                      on_two([&](size_t begin, size_t end) {
                        sink = static_cast<float>(
                            Stream(bytes + begin * kDim * 4, (end - begin) * kDim * 4));
                      });
                    }),
            size);
  PrintRate("exact_scan_2_threads",
            Measure(1,
                    [&] {
                      on_two([&](size_t begin, size_t end) {
                        TopK top(10);
                        scan(&top, begin, end);
                        sink = top.worst();
                      });
                    }),
            size);
  PrintRate("crc32c", Measure(100, [&] { sink = static_cast<float>(Crc32c(bytes, 1 << 18)); }),
            1 << 18);
  PrintRate("crc32c_portable",
            Measure(20, [&] { sink = static_cast<float>(Crc32cPortable(bytes, 1 << 18)); }),
            1 << 18, true);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace sightline

int main(int count, char** parts) {
  const long rows = count > 1 ? std::atol(parts[1]) : 100000;
  if (rows < 200) {
    std::fprintf(stderr, "usage: %s [rows >= 200]\n", parts[0]);
    return 2;
  }
  return sightline::Run(static_cast<size_t>(rows));
}
