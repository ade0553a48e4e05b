// Fuzz target: the graph snapshot: header, sections, and everything that walks links.
#include <cstdint>
#include <vector>

#include "hnsw/hnsw.h"
#include "memory_file.h"
#include "storage/graph_file.h"

namespace {

using namespace sightline;

// Rows for as many nodes as a snapshot of the size that is fuzzed can have.
constexpr uint64_t kNodes = 1 << 16;
constexpr size_t kDim = 2;

const std::vector<float>& Rows() {
  static const std::vector<float> rows = [] {
    std::vector<float> made(kNodes * kDim);
    Rng rng(1);
    for (float& value : made) value = static_cast<float>(rng.Normal());
    return made;
  }();
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile bytes(data, size);
  GraphFile file;
  if (!GraphFile::Open(bytes.path(), &file).ok()) return 0;
  const GraphHeader& header = file.header();
  if (header.nodes > kNodes) return 0;
  Graph graph(header.m, header.seed);
  if (!graph.Reserve(kNodes).ok()) return 0;
  if (!file.Map(&graph.base_range(), &graph.upper_range()).ok()) return 0;
  if (!graph.Adopt(header, file.guard()).ok()) return 0;

  Space space;
  space.metric = Metric::kEuclidean;
  space.rows = {reinterpret_cast<const unsigned char*>(Rows().data()), header.nodes, kDim,
                kDim * sizeof(float)};
  (void)ChooseKernels(&space.kernels);
  Scratch scratch;
  std::vector<Neighbor> found;
  const std::vector<uint64_t> allowed(header.nodes / 64 + 1, 0x5555555555555555u);
  for (size_t q = 0; q < 16; ++q) {
    SearchLimits limits;
    limits.k = 5;
    limits.ef = 10;
    if (q % 2 == 1) {
      limits.allowed = allowed.data();
      limits.allowed_rows = header.nodes;
    }
    (void)SearchGraph(graph, space, Rows().data() + q * kDim, limits, &scratch, &found);
  }
  (void)ValidateGraph(graph);
  // A writer's way.
  if (!file.CheckAll().ok()) return 0;
  graph.TrustAll();
  if (!LinksFit(graph) || header.nodes + 4 > kNodes) return 0;
  space.rows.count = header.nodes + 4;
  if (!graph.Prepare(static_cast<uint32_t>(header.nodes) + 4).ok()) return 0;
  Inserter inserter(&graph, 20);
  for (uint32_t i = 0; i < 4; ++i) {
    (void)inserter.Insert(space, static_cast<uint32_t>(header.nodes) + i, &scratch);
  }
  uint64_t reconnected = 0;
  (void)Reconnect(&graph, space, &scratch, &reconnected);
  graph.Truncate(static_cast<uint32_t>(header.nodes / 2));
  (void)ValidateGraph(graph);
  return 0;
}
