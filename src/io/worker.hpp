#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/executor.hpp"
#include "base/outbox.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "io/busy_time.hpp"
#include "io/udp_socket.hpp"

namespace holdfast::io {

// What lives behind a UDP socket of a worker. All calls come on the worker's thread.
class DatagramHandler {
 public:
  virtual ~DatagramHandler() = default;
  virtual void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram,
                               Outbox& outbox) = 0;
  // Once after each drained batch that had something for this handler, and when deadline() has come.
  virtual void handle_tick(const Now& now, Outbox& outbox) = 0;
  // Asked once before each round.
  virtual Instant deadline() = 0;
};

// A descriptor of another kind: a TCP connection. All calls come on the worker's thread.
class Watched {
 public:
  virtual ~Watched() = default;
  // It can be read, or written again, or broke: until all was read and written nothing more will be said
  // (edge-triggered).
  virtual void handle_ready(const Now& now) = 0;
};

// A thread with its sockets: sleeps until something comes or is due, then lets a tick pass, so that packets
// gather, and drains all that came in batches (one system call for up to 64 packets). Workers share nothing;
// the way in is post().
//
// A recorder waits on purpose: waking for each packet costs several times what the packet itself does. The
// more there is to do, the longer it waits: a worker that is a tenth busy has the longest tick.
class Worker final : public Executor {
 public:
  struct Options {
    Duration tick = std::chrono::milliseconds(5);
    Duration longest_tick = std::chrono::milliseconds(20);
  };

  explicit Worker(Options options);
  // As stop(); then jobs still queued are destroyed unrun.
  ~Worker() override;
  // Ends the thread after the job at hand. post() goes on queueing, so that other threads may finish. May be
  // called again.
  void stop();

  void post(Job job) override;

  const BusyTime& busy() const { return busy_; }

  // The following: on the worker's thread only.

  // What the kernel keeps for a socket while the worker is busy elsewhere: seconds of one session, or a good
  // part of one of hundreds.
  static constexpr int buffer_of_one = 4 << 20;
  static constexpr int buffer_of_many = 64 << 20;

  // The handler is called from now on and must outlive its place here; remove() it before it dies.
  Result<UdpSocket*> add(const Endpoint& local, DatagramHandler& handler,
                         int receive_buffer_bytes = buffer_of_one);
  void remove(DatagramHandler& handler);
  // Gives it what has come by now, without waiting for the tick. From a job; nothing if it was not added.
  void receive(DatagramHandler& handler);

  // `watched` hears of its descriptor from now on, until the descriptor is closed and it is given to
  // retire().
  Result<void> watch(int descriptor, Watched& watched);
  // Keeps it until the round is over: what happened in the round may still name it.
  void retire(std::unique_ptr<Watched> watched) { retired_.push_back(std::move(watched)); }

 private:
  struct Entry final : Watched {
    Entry(Worker& owner, UdpSocket opened, DatagramHandler& behind)
        : worker(owner), socket(std::move(opened)), handler(&behind) {}
    void handle_ready(const Now& now) override { worker.drain(*this, now); }

    Worker& worker;
    UdpSocket socket;
    DatagramHandler* handler;  // null: removed, freed after the round
    bool active = false;       // got something in this round
    Instant due{};             // its handler's deadline before this round
  };

  void run(const std::stop_token& stop);
  void run_jobs();
  void drain(Entry& entry, const Now& now);
  void tick(const Now& now);
  Instant note_deadlines();
  void adapt_tick(Duration busy, Duration round);

  const Options options_;
  BusyTime busy_;
  Duration tick_ = options_.tick;
  double load_ = 0;  // share of the time in which there was something to do, smoothed
  int epoll_;
  int wakeup_;  // eventfd
  std::mutex mutex_;
  std::vector<Job> jobs_;  // guarded by mutex_
  bool woken_ = false;     // guarded by mutex_: the eventfd is set already
  std::vector<Job> running_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Watched>> retired_;
  ReceiveBatch batch_;
  std::jthread thread_;
};

}  // namespace holdfast::io
