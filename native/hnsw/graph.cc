#include "hnsw/graph.h"

#include <algorithm>
#include <string>

#include "core/yield_point.h"

namespace sightline {
namespace {

bool LinksTo(const LinkList& list, uint32_t nodes) {
  for (uint32_t i = 0; i < list.capacity; ++i) {
    const uint32_t id = LoadLink(&list.ids[i]);
    if (id != kNoRow && id >= nodes) return true;
  }
  return false;
}

// Removes ids >= nodes, keeping the order of the others.
void DropFrom(const LinkList& list, uint32_t nodes) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < list.capacity; ++i) {
    const uint32_t id = LoadLink(&list.ids[i]);
    if (id < nodes) StoreLink(&list.ids[kept++], id);
  }
  for (; kept < list.capacity; ++kept) StoreLink(&list.ids[kept], kNoRow);
}

}  // namespace

Status Graph::Reserve(uint64_t max_nodes, Epoch* readers) {
  SL_RETURN_IF_ERROR(base_.Reserve(max_nodes * 2 * m_, readers));
  // Expected upper lists per node: 1/M + 1/M^2 + ... <= 1. Twice that leaves room for chance.
  SL_RETURN_IF_ERROR(upper_.Reserve(max_nodes * 2 * m_, readers));
  return upper_first_.Reserve(max_nodes, readers);
}

Status Graph::Adopt(const GraphHeader& header, const LazyCheck& guard) {
  const uint32_t nodes = static_cast<uint32_t>(header.nodes);
  SL_RETURN_IF_ERROR(upper_first_.Grow(nodes));
  uint64_t lists = 0;
  uint32_t top = 0;
  for (uint32_t node = 0; node < nodes; ++node) {
    upper_first_[node] = static_cast<uint32_t>(lists);
    const uint32_t level = LevelOf(node);
    lists += level;
    top = std::max(top, level);
  }
  const bool entry_fits =
      nodes == 0 || (LevelOf(header.entry) == header.max_level && header.max_level == top);
  if (lists != header.upper_lists || !entry_fits) {
    return Status(StatusCode::kFileCorrupt, "the graph's header contradicts the levels of its " +
                                                std::to_string(nodes) + " nodes");
  }
  upper_lists_ = lists;
  guard_ = guard;
  size_.store(nodes, std::memory_order_release);
  SetEntry(header.entry, header.max_level);
  return Status::Ok();
}

Status Graph::Prepare(uint32_t nodes) {
  const uint32_t from = size();
  uint64_t lists = upper_lists_;
  for (uint32_t node = from; node < nodes; ++node) lists += LevelOf(node);
  SL_RETURN_IF_ERROR(base_.Grow(size_t{nodes} * 2 * m_));
  SL_RETURN_IF_ERROR(upper_first_.Grow(nodes));
  SL_RETURN_IF_ERROR(upper_.Grow(lists * m_));
  std::fill(base_.data() + size_t{from} * 2 * m_, base_.data() + size_t{nodes} * 2 * m_, kNoRow);
  std::fill(upper_.data() + upper_lists_ * m_, upper_.data() + lists * m_, kNoRow);
  for (uint32_t node = from; node < nodes; ++node) {
    upper_first_[node] = static_cast<uint32_t>(upper_lists_);
    upper_lists_ += LevelOf(node);
  }
  SL_YIELD_POINT();
  size_.store(nodes, std::memory_order_release);
  return Status::Ok();
}

void Graph::Truncate(uint32_t nodes) {
  if (nodes >= size()) return;
  EntryPoint entry;
  for (uint32_t node = 0; node < nodes; ++node) {
    const uint32_t level = LevelOf(node);
    for (uint32_t l = 0; l <= level; ++l) {
      const LinkList list = Links(node, l);
      if (!LinksTo(list, nodes)) continue;
      if (l == 0) Touch(node);
      DropFrom(list, nodes);
    }
    if (!entry.exists() || level > entry.level) entry = {node, level};
  }
  upper_lists_ = upper_first_[nodes];
  SetEntry(entry.node, entry.level);
  size_.store(nodes, std::memory_order_release);
}

}  // namespace sightline
