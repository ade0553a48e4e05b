#include "hnsw/validate.h"

#include <unordered_set>

#include "platform/exiting.h"

namespace sightline {
namespace {

constexpr size_t kMaxProblems = 100;

void Report(GraphReport* report, const std::string& problem) {
  if (report->problems.size() < kMaxProblems) report->problems.push_back(problem);
}

void CheckList(const Graph& graph, uint32_t node, uint32_t level, GraphReport* report) {
  const LinkList list = graph.Links(node, level);
  const std::string where =
      "node " + std::to_string(node) + " level " + std::to_string(level) + ": ";
  std::unordered_set<uint32_t> seen;
  bool ended = false;
  for (uint32_t i = 0; i < list.capacity; ++i) {
    const uint32_t id = LoadLink(&list.ids[i]);
    if (id == kNoRow) {
      ended = true;
      continue;
    }
    const std::string link = where + "link " + std::to_string(i) + " to " + std::to_string(id);
    if (ended) Report(report, link + " stands behind an unused place");
    if (id >= graph.size()) {
      Report(report, link + ", but there are " + std::to_string(graph.size()) + " nodes");
      continue;
    }
    if (id == node) Report(report, link + " is the node itself");
    if (!seen.insert(id).second) Report(report, link + " stands twice");
    if (graph.LevelOf(id) < level) Report(report, link + ", which does not have this level");
  }
}

// Live nodes not reachable from the entry point.
uint64_t CountUnreachable(const Graph& graph, const LiveRows& live) {
  std::vector<bool> seen(graph.size());
  std::vector<uint32_t> open;
  const EntryPoint entry = graph.entry();
  if (entry.exists() && entry.node < graph.size()) {
    open.push_back(entry.node);
    seen[entry.node] = true;
  }
  while (!open.empty() && !Exiting()) {
    const uint32_t node = open.back();
    open.pop_back();
    const LinkList list = graph.Links(node, 0);
    for (uint32_t i = 0; i < list.capacity; ++i) {
      const uint32_t id = LoadLink(&list.ids[i]);
      if (id >= graph.size() || seen[id]) continue;
      seen[id] = true;
      open.push_back(id);
    }
  }
  uint64_t unreachable = 0;
  for (uint32_t node = 0; node < graph.size(); ++node) {
    unreachable += !seen[node] && !live.Removed(node);
  }
  return unreachable;
}

}  // namespace

std::vector<uint64_t> CountLevels(const Graph& graph) {
  std::vector<uint64_t> counts;
  for (uint32_t node = 0; node < graph.size(); ++node) {
    const uint32_t level = graph.LevelOf(node);
    if (counts.size() <= level) counts.resize(level + 1);
    ++counts[level];
  }
  return counts;
}

bool LinksFit(const Graph& graph) {
  const uint32_t nodes = graph.size();
  if (nodes == 0) return true;
  // The lists of level 0 are contiguous.
  const uint32_t* base = graph.Links(0, 0).ids;
  const size_t count = size_t{nodes} * graph.Links(0, 0).capacity;
  uint32_t wrong = 0;
  for (size_t i = 0; i < count; ++i) {
    wrong |= static_cast<uint32_t>(base[i] >= nodes) & static_cast<uint32_t>(base[i] != kNoRow);
  }
  if (wrong != 0) return false;
  for (uint32_t node = 0; node < nodes; ++node) {
    const uint32_t top = graph.LevelOf(node);
    for (uint32_t level = 1; level <= top; ++level) {
      const LinkList list = graph.Links(node, level);
      for (uint32_t i = 0; i < list.capacity; ++i) {
        const uint32_t id = list.ids[i];
        if (id != kNoRow && (id >= nodes || graph.LevelOf(id) < level)) return false;
      }
    }
  }
  return true;
}

GraphReport ValidateGraph(const Graph& graph, const LiveRows& live) {
  GraphReport report;
  report.levels = CountLevels(graph);
  for (uint32_t node = 0; node < graph.size() && !Exiting(); ++node) {
    if (!graph.BaseOk(node)) {
      Report(&report, "the links of node " + std::to_string(node) + " do not match their checksum");
      continue;
    }
    for (uint32_t level = 0; level <= graph.LevelOf(node); ++level) {
      CheckList(graph, node, level, &report);
    }
  }
  const EntryPoint entry = graph.entry();
  if (graph.size() == 0) {
    if (entry.exists()) Report(&report, "an empty graph has an entry point");
    return report;
  }
  if (!entry.exists() || entry.node >= graph.size() || graph.LevelOf(entry.node) != entry.level ||
      entry.level + 1 != report.levels.size()) {
    Report(&report, "entry point " + std::to_string(entry.node) + " is not on the highest level");
  }
  report.unreachable = CountUnreachable(graph, live);
  return report;
}

}  // namespace sightline
