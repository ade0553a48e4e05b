// What every fallible call of the core returns. The core never throws, prints or exits.
#ifndef SIGHTLINE_CORE_STATUS_H_
#define SIGHTLINE_CORE_STATUS_H_

#include <string>
#include <utility>

namespace sightline {

enum class StatusCode : int {
#define SL_STATUS(name, number, text) name = number,
#include "core/status_codes.def"
#undef SL_STATUS
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return Status(); }
  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  // Names the item, expected and actual values. Empty if ok.
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

#define SL_RETURN_IF_ERROR(expression)             \
  do {                                             \
    ::sightline::Status sl_status_ = (expression); \
    if (!sl_status_.ok()) return sl_status_;       \
  } while (false)

}  // namespace sightline

#endif  // SIGHTLINE_CORE_STATUS_H_
