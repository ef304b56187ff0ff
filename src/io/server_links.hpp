#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.hpp"
#include "base/links.hpp"
#include "io/worker.hpp"

namespace holdfast::io {

// The links of one session, on its worker's thread. Names are looked up, and certificates read, on another
// thread. What a stream cannot take at once waits, up to max_waiting; more is dropped, as a network does:
// what goes out is feedback and checks, which are repeated.
class ServerLinks final : public Links {
 public:
  static constexpr std::size_t max_waiting = 256 << 10;  // bytes a link

  // All outlive it, `lookups` also the jobs posted to it. `ca_file`: see TlsClient::create(). `events` is
  // called on the worker's thread, never from within open(), send() or close().
  ServerLinks(Worker& worker, Executor& lookups, std::string ca_file, LinkEvents& events);
  ~ServerLinks() override;

  LinkId open(const LinkTarget& target) override;
  void send(LinkId link, Bytes bytes) override;
  void close(LinkId link) override;

  // Hands what streams have gathered to the kernel.
  void flush();
  // Whether something was heard of a link since clear_activity().
  bool is_active() const { return active_; }
  void clear_activity() { active_ = false; }
  // Messages that found no room.
  std::uint64_t dropped() const { return dropped_; }

 private:
  class Link;
  class DatagramLink;
  class StreamLink;
  struct Found;

  static Found look_up(const LinkTarget& target, const std::string& ca_file);
  void connect(LinkId id, const LinkTarget& target, Found found);
  void report_open(LinkId id, Instant now);
  void report_bytes(LinkId id, Instant now, MutableBytes bytes);
  void report_closed(LinkId id, Instant now, const std::string& why);
  bool knows(LinkId id) const { return links_.contains(id); }

  Worker& worker_;
  Executor& lookups_;
  const std::string ca_file_;
  LinkEvents& events_;
  std::map<LinkId, std::unique_ptr<Link>> links_;  // null: being looked up
  std::uint32_t last_id_ = 0;
  ByteVector plain_;  // what TLS gave
  bool active_ = false;
  std::uint64_t dropped_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // what comes back looks whether we are still here
};

}  // namespace holdfast::io
