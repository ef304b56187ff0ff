#include "sim/time_of_day.hpp"

#include <sys/time.h>
#include <time.h>

#include <chrono>
#include <cstdlib>

namespace holdfast::sim {
namespace {

const SimClock* followed = nullptr;

}  // namespace

TimeOfDay::TimeOfDay(const SimClock& clock) {
  if (followed != nullptr) std::abort();
  followed = &clock;
}

TimeOfDay::~TimeOfDay() {
  followed = nullptr;
}

}  // namespace holdfast::sim

// Stands before the C library's own in every program that links this file, for the libraries it loads as
// well.
extern "C" int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  using namespace std::chrono;
  if (holdfast::sim::followed == nullptr) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    *time = {now.tv_sec, now.tv_nsec / 1000};
  } else {
    const auto since_epoch =
        duration_cast<microseconds>(holdfast::sim::followed->wall().time_since_epoch()).count();
    *time = {since_epoch / 1'000'000, since_epoch % 1'000'000};
  }
  return 0;
}
