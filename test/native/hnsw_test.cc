// The graph: sound after every mutation, reachable, and safe to walk whatever its bytes say.
#include "hnsw/hnsw.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "core/rng.h"
#include "hnsw/reconnect.h"
#include "runner.h"

namespace sightline {
namespace {

constexpr size_t kDim = 12;

// A graph over rows in memory.
struct Fixture {
  std::vector<float> rows;
  Space space;
  Graph graph;
  Inserter inserter;
  Scratch scratch;

  Fixture(uint32_t m, size_t ef, std::vector<float> data, Metric metric = Metric::kEuclidean)
      : rows(std::move(data)), graph(m, 42), inserter(&graph, ef) {
    const bool chosen = ChooseKernels(&space.kernels).ok();
    space.metric = metric;
    space.rows.base = reinterpret_cast<const unsigned char*>(rows.data());
    space.rows.count = rows.size() / kDim;
    space.rows.dim = kDim;
    space.rows.stride = kDim * sizeof(float);
    if (!chosen || !graph.Reserve(space.rows.count + 1).ok()) std::abort();
  }
  bool Add(uint32_t nodes) {
    const uint32_t from = graph.size();
    if (!graph.Prepare(nodes).ok()) return false;
    for (uint32_t node = from; node < nodes; ++node) {
      if (inserter.Insert(space, node, &scratch) != Walk::kOk) return false;
    }
    return true;
  }
  std::string FirstProblem() const {
    const GraphReport report = ValidateGraph(graph);
    return report.problems.empty() ? "" : report.problems[0];
  }
};

std::vector<float> RandomRows(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> rows(n * kDim);
  for (float& value : rows) value = static_cast<float>(rng.Normal());
  return rows;
}

}  // namespace

SL_TEST(levels_have_the_paper_s_distribution_and_depend_on_the_seed_alone) {
  for (const uint32_t m : {2u, 16u, 128u}) {
    const Levels levels(m, 42);
    const Levels other(m, 43);
    uint32_t above = 0;
    uint32_t different = 0;
    constexpr uint32_t kNodes = 200000;
    for (uint32_t node = 0; node < kNodes; ++node) {
      CHECK_EQ(levels.Of(node), Levels(m, 42).Of(node));
      above += levels.Of(node) > 0;
      different += levels.Of(node) != other.Of(node);
    }
    const double expected = static_cast<double>(kNodes) / m;
    CHECK(above > expected * 0.9 && above < expected * 1.1);
    CHECK(different > expected);
  }
}

SL_TEST(graph_is_sound_after_every_insert) {
  for (const uint32_t m : {2u, 3u, 16u}) {
    Fixture f(m, 20, RandomRows(300, m));
    for (uint32_t nodes = 1; nodes <= 300; ++nodes) {
      CHECK(f.Add(nodes));
      CHECK_EQ(f.FirstProblem(), std::string());
    }
    uint64_t fixed = 0;
    CHECK(Reconnect(&f.graph, f.space, &f.scratch, &fixed) == Walk::kOk);
    const GraphReport report = ValidateGraph(f.graph);
    CHECK_EQ(report.unreachable, 0u);
    CHECK(report.problems.empty());
  }
}

SL_TEST(graph_of_equal_rows_is_sound_and_wholly_reachable) {
  Fixture f(4, 30, std::vector<float>(500 * kDim, 0.25f), Metric::kDot);
  CHECK(f.Add(500));
  uint64_t fixed = 0;
  CHECK(Reconnect(&f.graph, f.space, &f.scratch, &fixed) == Walk::kOk);
  CHECK_EQ(f.FirstProblem(), std::string());
  CHECK_EQ(ValidateGraph(f.graph).unreachable, 0u);
}

// Takes the rows that `kept` says are removed out of the graph.
void TakeOut(Fixture* f, const LiveRows& kept) {
  f->space.live = f->space.kept = kept;
  bool changed = false;
  for (uint32_t node = 0; node < f->graph.size(); ++node) {
    CHECK(Mend(&f->graph, f->space, node, &f->scratch, &changed) == Walk::kOk);
  }
  MoveEntry(&f->graph, kept);
  for (uint32_t node = 0; node < f->graph.size(); ++node) {
    if (kept.Removed(node) && node != f->graph.entry().node) Isolate(&f->graph, node);
  }
  uint64_t fixed = 0;
  CHECK(Reconnect(&f->graph, f->space, &f->scratch, &fixed) == Walk::kOk);
}

SL_TEST(graph_that_removed_nodes_left_is_sound_and_does_not_lead_to_them) {
  for (const uint32_t m : {2u, 5u, 16u}) {
    // The last of them leaves nobody.
    for (const uint32_t part : {50u, 90u, 99u, 100u}) {
      Fixture f(m, 30, RandomRows(700, m + part));
      CHECK(f.Add(600));
      Rng rng(part);
      std::vector<uint64_t> words(10, ~uint64_t{0});
      for (uint32_t node = 0; node < 600; ++node) {
        if (rng.Below(100) < part) words[node >> 6] &= ~(uint64_t{1} << (node & 63));
      }
      const LiveRows kept{words.data(), 600};
      TakeOut(&f, kept);
      GraphReport report = ValidateGraph(f.graph, kept);
      CHECK_EQ(report.unreachable, 0u);
      CHECK(report.problems.empty());
      const uint32_t entry = f.graph.entry().node;
      for (uint32_t node = 0; node < 600; ++node) {
        for (uint32_t level = 0; level <= f.graph.LevelOf(node); ++level) {
          const LinkList list = f.graph.Links(node, level);
          if (kept.Removed(node) && node != entry) CHECK_EQ(list.ids[0], kNoRow);
          for (uint32_t i = 0; i < list.capacity && list.ids[i] != kNoRow; ++i) {
            CHECK(!kept.Removed(list.ids[i]));
          }
        }
      }
      // And goes on growing, without them.
      CHECK(f.Add(700));
      uint64_t fixed = 0;
      CHECK(Reconnect(&f.graph, f.space, &f.scratch, &fixed) == Walk::kOk);
      report = ValidateGraph(f.graph, kept);
      CHECK_EQ(report.unreachable, 0u);
      CHECK(report.problems.empty());
    }
  }
}

SL_TEST(removed_nodes_take_no_place_in_a_search) {
  // One row in 60 copies of which one lives, among others.
  std::vector<float> rows = RandomRows(460, 77);
  for (size_t copy = 400; copy < 460; ++copy) {
    std::copy_n(rows.begin() + 7 * kDim, kDim, rows.begin() + static_cast<long>(copy * kDim));
  }
  for (const uint32_t living : {7u, 400u, 431u, 459u}) {
    Fixture f(8, 40, rows);
    CHECK(f.Add(460));
    std::vector<uint64_t> words(8, ~uint64_t{0});
    const auto remove = [&](uint32_t row) { words[row >> 6] &= ~(uint64_t{1} << (row & 63)); };
    for (uint32_t copy = 400; copy < 460; ++copy) {
      if (copy != living) remove(copy);
    }
    if (living != 7) remove(7);
    f.space.live = {words.data(), 460};
    SearchLimits limits;
    std::vector<Neighbor> found;
    for (const size_t ef : {size_t{1}, size_t{10}, size_t{50}}) {
      limits.k = std::min<size_t>(ef, 10);
      limits.ef = ef;
      const Walk walk = SearchGraph(f.graph, f.space, f.space.row(7), limits, &f.scratch, &found);
      CHECK(walk == Walk::kOk);
      CHECK(found.size() >= limits.k);
      CHECK_EQ(found[0].row, living);
      for (const Neighbor& hit : found) CHECK(!f.space.live.Removed(hit.row));
    }
  }
}

SL_TEST(graph_truncated_to_any_size_is_sound_and_grows_again) {
  Fixture f(5, 20, RandomRows(400, 9));
  CHECK(f.Add(400));
  for (const uint32_t nodes : {399u, 300u, 123u, 17u, 1u, 0u}) {
    f.graph.Truncate(nodes);
    CHECK_EQ(f.graph.size(), nodes);
    CHECK_EQ(f.FirstProblem(), std::string());
    uint64_t fixed = 0;
    CHECK(Reconnect(&f.graph, f.space, &f.scratch, &fixed) == Walk::kOk);
    CHECK_EQ(ValidateGraph(f.graph).unreachable, 0u);
    CHECK_EQ(f.FirstProblem(), std::string());
  }
  CHECK(f.Add(400));
  CHECK_EQ(f.FirstProblem(), std::string());
}

SL_TEST(graph_built_by_many_threads_while_others_search) {
  constexpr uint32_t kNodes = 4000;
  Fixture f(8, 40, RandomRows(kNodes, 11));
  CHECK(f.Add(20));
  CHECK(f.graph.Prepare(kNodes).ok());
  std::atomic<uint32_t> next{20};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Scratch scratch;
      for (uint32_t node = next++; node < kNodes; node = next++) {
        if (f.inserter.Insert(f.space, node, &scratch) != Walk::kOk) ++wrong;
      }
    });
    threads.emplace_back([&, t] {
      Scratch scratch;
      std::vector<Neighbor> found;
      SearchLimits limits;
      limits.k = 10;
      limits.ef = 40;
      for (uint32_t i = 0; next < kNodes; i = (i + 7) % 20) {
        const float* query = f.space.row(i + static_cast<uint32_t>(t));
        if (SearchGraph(f.graph, f.space, query, limits, &scratch, &found) != Walk::kOk) ++wrong;
        if (found.empty() || !std::is_sorted(found.begin(), found.end())) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(wrong.load(), 0);
  uint64_t fixed = 0;
  CHECK(Reconnect(&f.graph, f.space, &f.scratch, &fixed) == Walk::kOk);
  CHECK_EQ(f.FirstProblem(), std::string());
  CHECK_EQ(ValidateGraph(f.graph).unreachable, 0u);
}

// What a file with right checksums but hostile content could bring in.
SL_TEST(graph_with_hostile_links_is_walked_without_leaving_its_bounds) {
  Rng rng(20241121);
  std::vector<Neighbor> found;
  for (int round = 0; round < 200; ++round) {
    Fixture f(4, 20, RandomRows(120, 1));
    CHECK(f.Add(120));
    for (int i = 0; i < 60; ++i) {
      const uint32_t node = rng.Below(120);
      const LinkList list = f.graph.Links(node, rng.Below(f.graph.LevelOf(node) + 1));
      const uint32_t values[] = {static_cast<uint32_t>(rng.Next()),
                                 rng.Below(120),
                                 120,
                                 kNoRow - 1,
                                 0x80000000u | rng.Below(120),
                                 node};
      StoreLink(&list.ids[rng.Below(list.capacity)], values[rng.Below(6)]);
    }
    const std::vector<uint64_t> allowed(2, 0x5555555555555555u);
    for (int q = 0; q < 20; ++q) {
      SearchLimits limits;
      limits.k = 5;
      limits.ef = 10;
      if (q % 2 == 1) {
        limits.allowed = allowed.data();
        limits.allowed_rows = 120;
      }
      const float* query = f.space.row(rng.Below(120));
      CHECK(SearchGraph(f.graph, f.space, query, limits, &f.scratch, &found) == Walk::kOk);
      for (const Neighbor& hit : found) CHECK(hit.row < 120);
    }
    (void)ValidateGraph(f.graph);
  }
}

// Clusters one after another: each is linked to little but itself.
SL_TEST(a_search_that_starts_at_many_nodes_finds_rows_that_one_start_hides) {
  constexpr uint32_t kClusters = 400;
  constexpr uint32_t kRows = 6000;
  const std::vector<float> centres = RandomRows(kClusters, 5);
  std::vector<float> rows = RandomRows(kRows, 6);
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t cluster = i / kDim * kClusters / kRows;
    rows[i] = centres[cluster * kDim + i % kDim] + 0.02f * rows[i];
  }
  Fixture f(8, 60, std::move(rows));
  CHECK(f.Add(kRows));
  std::vector<Neighbor> found;
  const auto lost = [&](size_t starts) {
    SearchLimits limits;
    limits.k = 1;
    limits.ef = 64;
    limits.starts = starts;
    uint32_t count = 0;
    for (uint32_t node = 0; node < kRows; ++node) {
      const Walk walk =
          SearchGraph(f.graph, f.space, f.space.row(node), limits, &f.scratch, &found);
      count += walk != Walk::kOk || found.empty() || found[0].row != node;
    }
    return count;
  };
  const uint32_t from_one = lost(1);
  const uint32_t as_usual = lost(0);
  CHECK(from_one > 0);
  CHECK(2 * as_usual < from_one);
  // Who is lost is linked, and to others only.
  std::vector<uint32_t> again;
  uint32_t mended = 0;
  for (uint32_t node = 0; node < kRows; ++node) {
    bool is_lost = false;
    LostNode one;
    CHECK(LookFor(f.graph, f.space, node, &f.scratch, &is_lost, &one) == Walk::kOk);
    if (!is_lost) continue;
    CHECK_EQ(one.node, node);
    LinkLost(&f.graph, one, &again);
    ++mended;
  }
  CHECK(mended > 0 && again.size() >= mended);
  CHECK_EQ(f.FirstProblem(), "");
  CHECK(lost(0) <= as_usual / 4);
}

// Nodes may be linked between the making of the bitset and the walk.
SL_TEST(a_filtered_search_does_not_read_behind_its_bitset) {
  Fixture f(4, 20, RandomRows(300, 1));
  CHECK(f.Add(300));
  // One word counts; what lies behind it would allow everything.
  std::vector<uint64_t> allowed(5, ~uint64_t{0});
  allowed[0] = 0x5555555555555555u;
  std::vector<Neighbor> found;
  for (uint32_t q = 0; q < 300; ++q) {
    SearchLimits limits;
    limits.k = 5;
    limits.ef = 10;
    limits.allowed = allowed.data();
    limits.allowed_rows = 60;
    const float* query = f.space.row(q);
    CHECK(SearchGraph(f.graph, f.space, query, limits, &f.scratch, &found) == Walk::kOk);
    CHECK_EQ(found.size(), 10u);
    for (const Neighbor& hit : found) CHECK(hit.row < 60 && hit.row % 2 == 0);
  }
}

SL_TEST(validator_names_each_broken_rule) {
  const auto broken = [](auto&& damage) {
    Fixture f(4, 20, RandomRows(50, 3));
    if (!f.Add(50)) return std::string("not built");
    damage(f.graph);
    return f.FirstProblem();
  };
  const auto holds = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(holds(broken([](Graph& g) { g.Links(3, 0).ids[0] = 50; }), "there are 50 nodes"));
  CHECK(holds(broken([](Graph& g) { g.Links(3, 0).ids[0] = 3; }), "is the node itself"));
  CHECK(
      holds(broken([](Graph& g) { g.Links(3, 0).ids[1] = g.Links(3, 0).ids[0]; }), "stands twice"));
  CHECK(holds(broken([](Graph& g) { g.Links(3, 0).ids[0] = kNoRow; }), "behind an unused place"));
  CHECK(holds(broken([](Graph& g) {
                uint32_t low = 0;
                while (g.LevelOf(low) != g.entry().level - 1) ++low;
                g.SetEntry(low, g.LevelOf(low));
              }),
              "highest level"));
}

SL_TEST(a_group_with_few_links_to_the_rest_takes_many_steps_to_leave) {
  constexpr uint32_t kNodes = 1000;
  constexpr uint32_t kGroup = 24;
  Graph graph(8, 42);
  CHECK(graph.Reserve(kNodes).ok());
  CHECK(graph.Prepare(kNodes).ok());
  Rng rng(7);
  for (uint32_t node = 0; node < kNodes; ++node) {
    const LinkList list = graph.Links(node, 0);
    for (uint32_t i = 0; i < list.capacity; ++i) {
      list.ids[i] = node < kGroup ? (node + 1 + i) % kGroup
                                  : kGroup + static_cast<uint32_t>(rng.Below(kNodes - kGroup));
    }
  }
  graph.Links(kGroup - 1, 0).ids[0] = 500;  // the only way out
  Scratch scratch;
  CHECK(StepsToLeave(graph, 0, &scratch) >= kGroup);
  uint32_t most = 0;
  for (uint32_t node = kGroup; node < kNodes; ++node) {
    most = std::max(most, StepsToLeave(graph, node, &scratch));
  }
  CHECK(most <= 11);  // 16 links each, few of them to the same nodes
  graph.Links(kGroup - 1, 0).ids[0] = 0;
  CHECK_EQ(StepsToLeave(graph, 0, &scratch), kReachedFew);
  graph.Links(0, 0).ids[0] = kNodes;  // not read behind it, nor followed
  CHECK_EQ(StepsToLeave(graph, 0, &scratch), kReachedFew);
}

}  // namespace sightline
