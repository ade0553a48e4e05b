#include "workload.h"

#include <algorithm>

#include "core/rng.h"

namespace sightline::harness {

std::vector<float> VectorOf(int64_t key) {
  Rng rng(static_cast<uint64_t>(key) * 1000003 + 17);
  std::vector<float> vector(kDim);
  for (float& value : vector) value = static_cast<float>(rng.Normal());
  return vector;
}

std::vector<unsigned char> PayloadOf(int64_t key, uint32_t payload) {
  if (payload == 0) return {};
  Rng rng(static_cast<uint64_t>(key) * 7919 + payload);
  std::vector<unsigned char> bytes(rng.Next() % 60);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(rng.Next());
  return bytes;
}

Payloads PayloadsOf(const std::vector<int64_t>& keys, uint32_t payload) {
  Payloads payloads;
  if (payload == 0) return payloads;
  for (const int64_t key : keys) {
    const std::vector<unsigned char> one = PayloadOf(key, payload);
    payloads.lengths.push_back(static_cast<uint32_t>(one.size()));
    payloads.bytes.insert(payloads.bytes.end(), one.begin(), one.end());
  }
  return payloads;
}

IndexParameters SmallParameters() {
  IndexParameters parameters;
  parameters.dim = kDim;
  parameters.metric = Metric::kEuclidean;  // rows are stored bit for bit
  parameters.m = 4;
  parameters.ef_construction = 16;
  return parameters;
}

std::vector<Operation> MakeScript(uint64_t seed, size_t length) {
  Rng rng(seed);
  std::vector<Operation> script(1);
  script[0].verb = Verb::kCreate;
  Content content;
  int64_t next_key = 1;
  // The first operations are fixed, so that every verb is there whatever the seed.
  constexpr Verb kFirst[] = {Verb::kAdd, Verb::kSave,   Verb::kRemove,      Verb::kAdd,
                             Verb::kAdd, Verb::kSave,   Verb::kSetPayloads, Verb::kRollback,
                             Verb::kAdd, Verb::kReopen, Verb::kSave};
  while (script.size() < length) {
    Operation operation;
    const uint64_t dice = rng.Next() % 10;
    const size_t number = script.size() - 1;
    operation.verb = number < std::size(kFirst) ? kFirst[number]
                     : dice < 4                 ? Verb::kAdd
                     : dice < 5                 ? Verb::kSetPayloads
                     : dice < 6                 ? Verb::kRemove
                     : dice < 7                 ? Verb::kRollback
                     : dice < 9                 ? Verb::kSave
                                                : Verb::kReopen;
    if (operation.verb == Verb::kAdd) {
      // 600 keys and more take two pages of the log, a few take one.
      operation.rows = rng.Next() % 3 == 0 ? 600 + rng.Next() % 500 : 1 + rng.Next() % 40;
      for (uint64_t i = 0; i < operation.rows; ++i) operation.keys.push_back(next_key++);
      // Either an append or a change brings the first payloads, which the header has to say first.
      if (seed % 2 == 0 ? number >= 3 : number >= 8) operation.payload = rng.Next() % 3;
    } else if (operation.verb == Verb::kRemove || operation.verb == Verb::kSetPayloads) {
      if (operation.verb == Verb::kSetPayloads) operation.payload = 3 + rng.Next() % 5;
      for (size_t row = rng.Next() % 3; row < content.keys.size(); row += 1 + rng.Next() % 9) {
        if (content.live[row]) operation.keys.push_back(content.keys[row]);
      }
    } else if (operation.verb == Verb::kRollback) {
      const uint64_t rows = content.keys.size();
      operation.rows = rows - std::min<uint64_t>(rows, rng.Next() % 30);
    }
    content = After(content, operation);
    script.push_back(operation);
  }
  return script;
}

Content After(Content content, const Operation& operation) {
  if (operation.verb == Verb::kAdd) {
    content.keys.insert(content.keys.end(), operation.keys.begin(), operation.keys.end());
    content.live.resize(content.keys.size(), true);
    content.payloads.resize(content.keys.size(), operation.payload);
  } else if (operation.verb == Verb::kRollback) {
    const size_t rows = std::min<size_t>(operation.rows, content.keys.size());
    content.keys.resize(rows);
    content.live.resize(rows);
    content.payloads.resize(rows);
  } else if (operation.verb == Verb::kRemove || operation.verb == Verb::kSetPayloads) {
    for (size_t row = 0; row < content.keys.size(); ++row) {
      if (!std::binary_search(operation.keys.begin(), operation.keys.end(), content.keys[row])) {
        continue;
      }
      if (operation.verb == Verb::kRemove) {
        content.live[row] = false;
      } else if (content.live[row]) {
        content.payloads[row] = operation.payload;
      }
    }
  }
  return content;
}

Status Do(const Operation& operation, const std::string& folder, std::shared_ptr<Index>* index) {
  AddResult added;
  uint64_t removed = 0;
  switch (operation.verb) {
    case Verb::kCreate:
      return Index::Create(folder, SmallParameters(), index);
    case Verb::kAdd: {
      std::vector<float> vectors;
      for (const int64_t key : operation.keys) {
        const std::vector<float> vector = VectorOf(key);
        vectors.insert(vectors.end(), vector.begin(), vector.end());
      }
      return (*index)->Add(&vectors, operation.keys, 1, &added, false,
                           PayloadsOf(operation.keys, operation.payload));
    }
    case Verb::kSetPayloads: {
      // Rows may be missing, when an operation before failed.
      std::vector<uint32_t> rows(operation.keys.size());
      const Status found = (*index)->RowsOf(operation.keys.data(), rows.size(), rows.data());
      if (!found.ok()) return found;
      std::vector<int64_t> keys;
      for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] != kNoRow) keys.push_back(operation.keys[i]);
      }
      return (*index)->SetPayloads(keys, PayloadsOf(keys, operation.payload));
    }
    case Verb::kRemove:
      return (*index)->Remove(operation.keys, &removed);
    case Verb::kRollback:
      // A script may hold fewer rows than it planned with, when an operation before failed.
      return (*index)->Rollback(std::min((*index)->count(), operation.rows), 1);
    case Verb::kSave:
      for (uint64_t next = 0; next < (*index)->count();) {
        const Status mended = (*index)->Unlink(next, 1, &next);
        if (!mended.ok()) return mended;
      }
      // A script is too short for its log to be folded by itself.
      if ((*index)->count() % 2 == 0) return (*index)->Fold();
      return (*index)->Save();
    case Verb::kReopen: {
      if (*index != nullptr) (*index)->Close();
      index->reset();
      OpenOptions options;
      options.path = folder;
      options.threads = 1;
      return Index::Open(options, index);
    }
  }
  return Status::Ok();
}

std::string Compare(const Index& index, const Content& content) {
  const size_t rows = content.keys.size();
  if (index.count() != rows) {
    return "holds " + std::to_string(index.count()) + " rows, expected " + std::to_string(rows);
  }
  const auto live =
      static_cast<uint64_t>(std::count(content.live.begin(), content.live.end(), true));
  if (index.live_count() != live) {
    return "has " + std::to_string(index.live_count()) + " live rows, expected " +
           std::to_string(live);
  }
  for (uint32_t row = 0; row < rows; ++row) {
    const std::string name = "row " + std::to_string(row);
    float got[kDim];
    int64_t key = 0;
    uint32_t found = 0;
    Status status = index.CopyRows(&row, 1, got);
    if (status.ok()) status = index.CopyKeys(&row, 1, &key);
    if (status.ok()) status = index.RowsOf(&content.keys[row], 1, &found);
    if (!status.ok()) return name + ": " + status.message();
    if (key != content.keys[row]) return name + " has another key";
    if (!std::equal(got, got + kDim, VectorOf(key).begin())) return name + " has other bytes";
    unsigned char bytes[64];
    uint32_t length = 0;
    size_t done = 0;
    status = index.CopyPayloads(&row, 1, bytes, sizeof(bytes), &length, &done);
    if (!status.ok()) return name + ": " + status.message();
    // Those of removed rows are left behind when the log is folded.
    if (content.live[row]) {
      const std::vector<unsigned char> payload = PayloadOf(key, content.payloads[row]);
      if (length != payload.size() || !std::equal(payload.begin(), payload.end(), bytes)) {
        return name + " has another payload";
      }
    }
    // The key of a row that was replaced is another's by now.
    const bool moved = !content.live[row] && found < rows && content.live[found];
    const bool right =
        moved ? content.keys[found] == key : found == (content.live[row] ? row : kNoRow);
    if (!right) return name + " is found by its key wrongly";
  }
  // Some rows by search, each of which must find itself, or not if it was removed.
  for (uint32_t i = 0; i < std::min<size_t>(rows, 8); ++i) {
    const uint32_t row = static_cast<uint32_t>(i * rows / std::min<size_t>(rows, 8));
    const std::vector<float> query = VectorOf(content.keys[row]);
    SearchOptions options;
    options.k = 1;
    options.ef = 60;
    uint32_t hit = kNoRow;
    float distance = 0;
    double key = 0;
    size_t found = 0;
    const Status status = index.Search(query.data(), options, &hit, &distance, &key, &found);
    if (!status.ok()) return "search: " + status.message();
    if (found != std::min<size_t>(1, live)) return "a search finds nothing";
    if (found == 1 && (hit == row) != content.live[row]) {
      return "row " + std::to_string(row) + " is not found by a search, or although removed";
    }
  }
  return "";
}

}  // namespace sightline::harness
