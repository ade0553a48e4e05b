#include "runner.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>
#include <vector>

namespace sightline::test {
namespace {

struct Test {
  const char* name;
  TestFn run;
};

std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

std::vector<std::string>& Folders() {
  static std::vector<std::string> folders;
  return folders;
}

bool failed = false;

bool Wanted(const char* name, int count, char** parts) {
  bool any = false;
  for (int i = 1; i < count; ++i) {
    if (std::strncmp(parts[i], "--", 2) == 0) continue;
    any = true;
    if (std::strstr(name, parts[i]) != nullptr) return true;
  }
  return !any;
}

void RemoveFolders() {
  for (const std::string& folder : Folders()) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
}

}  // namespace

Register::Register(const char* name, TestFn run) { Tests().push_back({name, run}); }

void Fail(const char* file, int line, const std::string& what) {
  failed = true;
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

std::string TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sightline-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror("mkdtemp");
    std::exit(2);
  }
  Folders().push_back(pattern);
  return pattern;
}

int Main(int count, char** parts) {
  int passed_count = 0;
  int failed_count = 0;
  for (const Test& test : Tests()) {
    if (!Wanted(test.name, count, parts)) continue;
    if (count > 1 && std::strcmp(parts[1], "--list") == 0) {
      std::printf("%s\n", test.name);
      continue;
    }
    failed = false;
    try {
      test.run();
    } catch (const std::exception& error) {
      Fail(test.name, 0, std::string("threw ") + error.what());
    }
    std::printf("%s %s\n", failed ? "FAIL" : "ok  ", test.name);
    std::fflush(stdout);
    ++(failed ? failed_count : passed_count);
  }
  RemoveFolders();
  std::printf("%d passed, %d failed\n", passed_count, failed_count);
  return failed_count == 0 ? 0 : 1;
}

}  // namespace sightline::test

int main(int count, char** parts) { return sightline::test::Main(count, parts); }
