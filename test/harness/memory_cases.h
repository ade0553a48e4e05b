// The calls of an index that the memory harness makes fail.
#ifndef SIGHTLINE_HARNESS_MEMORY_CASES_H_
#define SIGHTLINE_HARNESS_MEMORY_CASES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "workload.h"

namespace sightline::harness {

struct Target {
  std::string base;
  std::string folder;  // of the index, a copy for each run
  std::shared_ptr<Index> index;
  std::shared_ptr<Index> beside;
};

struct Case {
  const char* name;
  std::function<Status(Target*)> call;
  // What the index holds afterwards; null: as before.
  std::function<Content(const Content&)> after;
  // Before the faults begin.
  std::function<Status(Target*)> before;
};

Status OpenAt(const std::string& folder, bool read_only, Storage storage,
              std::shared_ptr<Index>* out);
// The index that each run begins with; returns what went wrong, or nothing.
std::string MakeFirst(const std::string& folder, Storage storage, Content* content);
std::vector<Case> Cases(Storage storage);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_MEMORY_CASES_H_
