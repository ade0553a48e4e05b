#include "platform/exiting.h"

#include <atomic>

namespace sightline {
namespace {

std::atomic<bool> exiting{false};

}  // namespace

void SetExiting() { exiting.store(true, std::memory_order_relaxed); }

bool Exiting() { return exiting.load(std::memory_order_relaxed); }

Status ExitingStatus() { return Status(StatusCode::kClosed, "the process is ending"); }

}  // namespace sightline
