#pragma once

#include <functional>
#include <utility>

namespace holdfast {

// A place where work is done one job after the other: a worker's loop, a storage thread, the transcoding
// pool. The only way in which threads meet. post() may be called from any thread.
//
// Jobs posted to one executor begin in order. The owner of an executor bounds what it posts (in bytes, by its
// own count of what is outstanding): the queue itself refuses nothing, so that a completion can never be
// lost.
class Executor {
 public:
  using Job = std::move_only_function<void()>;
  virtual ~Executor() = default;
  virtual void post(Job job) = 0;
};

// Runs each job at once on the caller's thread: for tests and one-shot commands.
class InlineExecutor final : public Executor {
 public:
  void post(Job job) override { job(); }
};

// Does the work on `thread`, and then calls `done` with what came of it by `back`. Both outlive it.
template <typename Work, typename Done>
void run_on(Executor& thread, Executor& back, Work work, Done done) {
  thread.post([&back, work = std::move(work), done = std::move(done)]() mutable {
    back.post([result = work(), done = std::move(done)]() mutable { done(std::move(result)); });
  });
}

}  // namespace holdfast
