#pragma once

#include <atomic>
#include <thread>

namespace holdfast {

// Says on standard error which statement did not hold, where, and ends the program (SIGABRT). What was
// recorded stays whole, and the next start resumes it.
[[noreturn]] void check_failed(const char* statement, const char* file, int line);

// What must hold whatever comes from the network, the disk or the API: our own mistake if it does not. Always
// on, so it must be cheap where packets flow. Input is never a reason.
#define CHECK(statement) \
  (static_cast<bool>(statement) ? void() : ::holdfast::check_failed(#statement, __FILE__, __LINE__))

// The thread that an object belongs to: the first one that uses it. In debug builds (also those of the
// sanitizers) a use by another thread ends the program.
class ThreadOwner {
 public:
#ifdef NDEBUG
  void check() const {}
  void release() {}
#else
  void check() const {
    std::thread::id owner{};
    const std::thread::id self = std::this_thread::get_id();
    const bool is_first = owner_.compare_exchange_strong(owner, self, std::memory_order_relaxed);
    CHECK(is_first || owner == self);  // an object of one thread is used by another
  }
  // Another thread may take it over.
  void release() { owner_.store({}, std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::thread::id> owner_{};
#endif
};

}  // namespace holdfast
