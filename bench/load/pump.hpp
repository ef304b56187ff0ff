#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.hpp"
#include "io/system_random.hpp"
#include "load/lateness.hpp"
#include "load/session.hpp"
#include "load/wheel.hpp"

namespace holdfast::bench {

// What a pump did so far.
struct Totals {
  int sessions = 0;
  int sending = 0;  // live, the first frame has left
  int failed = 0;
  int ended = 0;      // by end_all()
  std::string error;  // of the first that failed
  Counters counters;
  Lateness lateness;  // since it was last reset

  Totals& operator+=(const Totals& other);
};

// A thread with its sessions: sleeps from slot to slot of the wheel, sends what is due, reads what came.
// Everything of a session happens on this thread; the way in is post(). Its packets are encrypted one by one
// and leave a frame at a time: that is all that a packet costs.
class Pump final : public Executor {
 public:
  struct Options {
    double loss = 0;
    std::uint64_t seed = 1;
    Duration slot = std::chrono::milliseconds(5);
  };

  Pump(const MediaLoop& loop, const Options& options);
  // As stop(), then the sessions go.
  ~Pump() override;
  void stop();

  void post(Job job) override;

  // For sessions. Outlives them.
  Studio& studio() { return studio_; }
  // Before that thread does anything else with it; from any thread. It begins `after` from now.
  void add(std::unique_ptr<Session> session, Duration after);
  // The following wait for the thread, while it runs; from any other.
  Totals totals();
  // When the first frame of each session was due, in the order of add().
  std::vector<Instant> media_starts();
  // From now on lateness counts anew.
  void reset_lateness();
  void end_all();

 private:
  enum class Task : std::uint8_t { begin, keep, video, audio };
  struct Item {
    Session* session;
    Task task;
  };

  void run(const std::stop_token& stop);
  void handle(const Now& now, Instant due, const Item& item);
  void keep(const Now& now, Session& session);
  void send(Instant due, Session& session, Media media);
  void receive(const Now& now);
  void run_jobs();
  void wait_for(std::function<void()> job);

  const Options options_;
  MediaLoop loop_;
  io::SystemRandom random_;
  SeededRandom chance_;
  Studio studio_;
  int epoll_;
  Wheel<Item> wheel_;
  std::deque<std::unique_ptr<Session>> sessions_;
  Lateness lateness_;
  std::mutex mutex_;
  std::vector<Job> jobs_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace holdfast::bench
