#include "scratch.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace sightline::harness {

std::string ScratchFolder(const std::string& name) {
  const char* place = std::getenv("TMPDIR");
  std::string base = place != nullptr ? place : "/tmp";
  if (place == nullptr && ::access("/dev/shm", W_OK) == 0) base = "/dev/shm";
  std::string folder = base + "/sightline-" + name + "-" + std::to_string(::getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

uint64_t Argument(int count, char** arguments, const std::string& name, uint64_t otherwise) {
  const std::string start = "--" + name + "=";
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument.compare(0, start.size(), start) == 0) {
      return std::strtoull(argument.c_str() + start.size(), nullptr, 10);
    }
  }
  return otherwise;
}

}  // namespace sightline::harness
