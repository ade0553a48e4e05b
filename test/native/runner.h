// The C++ test runner: SL_TEST(name) { CHECK(...); } registers itself; main() is in runner.cc.
//
//   sightline_tests [--list] [part of a name ...]
//
// A failed check is reported and ends its test only (by returning). Ends with `N passed, N failed`.
#ifndef SIGHTLINE_TEST_RUNNER_H_
#define SIGHTLINE_TEST_RUNNER_H_

#include <sstream>
#include <string>

namespace sightline::test {

using TestFn = void (*)();

struct Register {
  Register(const char* name, TestFn run);
};

// Marks the running test failed.
void Fail(const char* file, int line, const std::string& what);

// A new, empty folder, removed when the process ends.
std::string TempFolder();

template <typename A, typename B>
std::string Describe(const char* text, const A& a, const B& b) {
  std::ostringstream out;
  out << text << ": " << a << " against " << b;
  return out.str();
}

}  // namespace sightline::test

#define SL_TEST(name)                                                           \
  static void Test_##name();                                                    \
  static const ::sightline::test::Register register_##name(#name, Test_##name); \
  static void Test_##name()

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition)) {                                        \
      ::sightline::test::Fail(__FILE__, __LINE__, #condition); \
      return;                                                  \
    }                                                          \
  } while (false)

#define CHECK_EQ(a, b)                                                                \
  do {                                                                                \
    const auto& sl_a = (a);                                                           \
    const auto& sl_b = (b);                                                           \
    if (!(sl_a == sl_b)) {                                                            \
      ::sightline::test::Fail(__FILE__, __LINE__,                                     \
                              ::sightline::test::Describe(#a " == " #b, sl_a, sl_b)); \
      return;                                                                         \
    }                                                                                 \
  } while (false)

#define CHECK_OK(expression)                                                                \
  do {                                                                                      \
    const ::sightline::Status sl_checked = (expression);                                    \
    if (!sl_checked.ok()) {                                                                 \
      ::sightline::test::Fail(__FILE__, __LINE__, #expression ": " + sl_checked.message()); \
      return;                                                                               \
    }                                                                                       \
  } while (false)

#define CHECK_CODE(expression, expected)                                                           \
  do {                                                                                             \
    const ::sightline::Status sl_checked = (expression);                                           \
    if (sl_checked.code() != (expected)) {                                                         \
      ::sightline::test::Fail(                                                                     \
          __FILE__, __LINE__,                                                                      \
          ::sightline::test::Describe(#expression " is " #expected,                                \
                                      static_cast<int>(sl_checked.code()), sl_checked.message())); \
      return;                                                                                      \
    }                                                                                              \
  } while (false)

#endif  // SIGHTLINE_TEST_RUNNER_H_
