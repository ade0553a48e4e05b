// Fuzz target: the commit log, as opening an index reads it.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "memory_file.h"
#include "storage/commit_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sightline;
  const fuzz::MemoryFile file(data, size);
  CommitLog log;
  if (!CommitLog::Open(file.path(), true, &log).ok()) return 0;
  uint64_t records = 0;
  const Status read = log.ReadNew([&](const LogRecord& record) {
    // What a record brings cannot be more than what the file holds.
    if (record.keys.size() * 8 + record.rows.size() * 4 + record.crcs.size() * 4 > size) {
      std::abort();
    }
    ++records;
    return Status::Ok();
  });
  if (log.sequence() != records || log.bytes() > size + kLogPage) std::abort();
  if (!read.ok()) return 0;
  // A writer goes on behind what was read, and reads the same again.
  if (!log.TrimTail().ok()) std::abort();
  LogRecord record;
  record.type = RecordType::kRemove;
  record.rows = {1, 2, 3};
  bool untouched = false;
  if (!log.Append(&record, &untouched).ok()) std::abort();
  CommitLog again;
  if (!CommitLog::Open(file.path(), false, &again).ok()) std::abort();
  if (!again.ReadNew([](const LogRecord&) { return Status::Ok(); }).ok()) std::abort();
  if (again.sequence() != records + 1) std::abort();
  return 0;
}
