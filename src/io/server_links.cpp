#include "io/server_links.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/clock.hpp"
#include "io/socket_address.hpp"
#include "io/tls_client.hpp"

namespace holdfast::io {

class ServerLinks::Link {
 public:
  virtual ~Link() = default;
  virtual void send(Bytes bytes) = 0;
  virtual void flush() = 0;
};

// What a look-up came to.
struct ServerLinks::Found {
  std::vector<Endpoint> addresses;
  std::unique_ptr<TlsClient> tls;
  std::string error;  // for people; else empty
};

namespace {

// The addresses of a list of getaddrinfo(), with this port.
std::vector<Endpoint> to_endpoints(const addrinfo* list, std::uint16_t port) {
  std::vector<Endpoint> endpoints;
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
    if (item->ai_family != AF_INET && item->ai_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, item->ai_addr, item->ai_addrlen);
    endpoints.push_back({from_socket_address(storage).address, port});
  }
  return endpoints;
}

void set_option(int descriptor, int level, int name, int value) {
  // Each option only improves what we do; without it the socket still works.
  (void)setsockopt(descriptor, level, name, &value, sizeof value);
}

}  // namespace

// Datagrams to and from one server, by a socket of the worker's.
class ServerLinks::DatagramLink final : public Link, private DatagramHandler {
 public:
  DatagramLink(ServerLinks& owner, LinkId id, const Endpoint& server)
      : owner_(owner), id_(id), server_(server) {}
  ~DatagramLink() override {
    if (socket_ != nullptr) owner_.worker_.remove(*this);
  }

  Result<void> open() {
    auto socket = owner_.worker_.add(Endpoint{}, *this);
    if (!socket) return std::unexpected(socket.error());
    socket_ = *socket;
    return {};
  }
  void send(Bytes bytes) override { socket_->send(server_, bytes); }
  void flush() override {}  // the worker does it

 private:
  void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox&) override {
    if (from == server_) owner_.report_bytes(id_, arrival, datagram);
  }
  void handle_tick(const Now&, Outbox&) override {}
  Instant deadline() override { return never; }

  ServerLinks& owner_;
  const LinkId id_;
  const Endpoint server_;
  UdpSocket* socket_ = nullptr;
};

// One TCP connection, TLS over it where wanted; tries the server's addresses in turn.
class ServerLinks::StreamLink final : public Link {
 public:
  StreamLink(ServerLinks& owner, LinkId id, Found found)
      : owner_(owner), id_(id), addresses_(std::move(found.addresses)), tls_(std::move(found.tls)) {}
  ~StreamLink() override {
    flush();
    drop_socket();
  }

  // False: none of the addresses is left.
  bool connect_next() {
    drop_socket();
    while (next_address_ < addresses_.size()) {
      if (connect(addresses_[next_address_++])) return true;
    }
    return false;
  }
  const std::string& error() const { return error_; }

  void send(Bytes bytes) override {
    const bool is_open = stage_ == Stage::open;
    if (!is_open || out_.size() + bytes.size() > max_waiting) {
      ++owner_.dropped_;
    } else if (tls_) {
      tls_->send(bytes, out_);
    } else {
      out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
  }

  void flush() override {
    while (stage_ != Stage::connecting && sent_ < out_.size()) {
      const auto count =
          ::send(descriptor_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) break;  // full, and we are told when it is not; or broken, which reading tells
      sent_ += static_cast<std::size_t>(count);
    }
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
  }

 private:
  enum class Stage : std::uint8_t { connecting, securing, open };

  // What the worker calls; outlives the link until the round is over.
  struct Socket final : Watched {
    explicit Socket(StreamLink& link) : owner(&link) {}
    void handle_ready(const Now& now) override {
      if (owner != nullptr) owner->handle_ready(now);
    }
    StreamLink* owner;
  };

  bool connect(const Endpoint& address) {
    const int family = address.address.is_v4() ? AF_INET : AF_INET6;
    const SocketAddress to = to_socket_address(address, family);
    descriptor_ = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) {
      error_ = fmt::format("cannot create a TCP socket: {}; check the limit on open files (ulimit -n)",
                           std::strerror(errno));
      return false;
    }
    set_option(descriptor_, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor_, IPPROTO_TCP, TCP_SYNCNT, 2);  // 7 s in all: the next address may be a better one
    stage_ = Stage::connecting;
    const int result = ::connect(descriptor_, to.get(), to.size);
    if (result != 0 && errno != EINPROGRESS) {
      error_ = fmt::format("cannot connect: {}", std::strerror(errno));
      drop_socket();
      return false;
    }
    socket_ = std::make_unique<Socket>(*this);
    if (auto watched = owner_.worker_.watch(descriptor_, *socket_); !watched) {
      error_ = watched.error().message;
      drop_socket();
      return false;
    }
    return true;
  }

  void drop_socket() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    if (!socket_) return;
    socket_->owner = nullptr;
    owner_.worker_.retire(std::move(socket_));
  }

  void handle_ready(const Now& now) {
    if (stage_ == Stage::connecting && !finish_connect(now)) return;
    flush();
    receive(now);
  }

  // False: not connected, or no more of us.
  bool finish_connect(const Now& now) {
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) {
      error_ = fmt::format("cannot connect: {}", std::strerror(problem));
      if (!connect_next()) owner_.report_closed(id_, now.instant, error_);
      return false;
    }
    sockaddr_storage peer{};
    size = sizeof peer;
    if (getpeername(descriptor_, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;  // not yet
    if (tls_) {
      stage_ = Stage::securing;
      tls_->start(out_);
      return true;
    }
    stage_ = Stage::open;
    owner_.report_open(id_, now.instant);
    return owner_.knows(id_);
  }

  // Until there is no more: the worker tells of new bytes only. Whoever is told of bytes may close the link.
  void receive(const Now& now) {
    std::array<std::uint8_t, 16'384> buffer;
    ServerLinks& owner = owner_;
    const LinkId id = id_;
    while (true) {
      const auto count = recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (count <= 0) {
        const std::string why = count == 0 ? "the server closed the connection" : std::strerror(errno);
        owner.report_closed(id, now.instant, why);
        return;
      }
      const MutableBytes bytes(buffer.data(), static_cast<std::size_t>(count));
      if (!tls_) {
        owner.report_bytes(id, now.instant, bytes);
      } else if (!receive_secured(now, bytes)) {
        return;
      }
      if (!owner.knows(id)) return;
    }
    flush();
  }

  // False: no more of us.
  bool receive_secured(const Now& now, Bytes bytes) {
    ServerLinks& owner = owner_;
    const LinkId id = id_;
    ByteVector& plain = owner.plain_;  // not ours: we may be closed by who is told of it
    plain.clear();
    const bool alive = tls_->receive(bytes, plain, out_);
    if (stage_ == Stage::securing && tls_->is_open()) {
      stage_ = Stage::open;
      owner.report_open(id, now.instant);
      if (!owner.knows(id)) return false;
    }
    if (!plain.empty()) owner.report_bytes(id, now.instant, plain);
    if (!owner.knows(id)) return false;
    if (alive) return true;
    const std::string why = tls_->error();
    flush();  // an alert says why
    owner.report_closed(id, now.instant, why);
    return false;
  }

  ServerLinks& owner_;
  const LinkId id_;
  const std::vector<Endpoint> addresses_;
  std::size_t next_address_ = 0;
  std::unique_ptr<TlsClient> tls_;
  Stage stage_ = Stage::connecting;
  int descriptor_ = -1;
  std::unique_ptr<Socket> socket_;
  ByteVector out_;
  std::size_t sent_ = 0;  // of out_
  std::string error_;
};

ServerLinks::ServerLinks(Worker& worker, Executor& lookups, std::string ca_file, LinkEvents& events)
    : worker_(worker), lookups_(lookups), ca_file_(std::move(ca_file)), events_(events) {}

ServerLinks::~ServerLinks() = default;

LinkId ServerLinks::open(const LinkTarget& target) {
  const LinkId id{++last_id_};
  links_.emplace(id, nullptr);
  lookups_.post([this, alive = std::weak_ptr(alive_), worker = &worker_, target, id, ca_file = ca_file_] {
    if (alive.expired()) return;
    worker->post([this, alive, target, id, found = look_up(target, ca_file)]() mutable {
      if (!alive.expired() && knows(id)) connect(id, target, std::move(found));
    });
  });
  return id;
}

// On the look-up thread.
ServerLinks::Found ServerLinks::look_up(const LinkTarget& target, const std::string& ca_file) {
  Found found;
  if (const auto address = IpAddress::parse(target.host)) {
    found.addresses.push_back({*address, target.port});
  } else {
    addrinfo hints{};
    hints.ai_socktype = target.kind == LinkKind::udp ? SOCK_DGRAM : SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    if (const int problem = getaddrinfo(target.host.c_str(), nullptr, &hints, &list); problem != 0) {
      found.error = fmt::format("cannot resolve the host name: {}", gai_strerror(problem));
      return found;
    }
    found.addresses = to_endpoints(list, target.port);
    freeaddrinfo(list);
  }
  if (target.kind != LinkKind::tls) return found;
  auto tls = TlsClient::create(target.host, ca_file);
  if (tls) {
    found.tls = std::move(*tls);
  } else {
    found.error = tls.error().message;
  }
  return found;
}

void ServerLinks::connect(LinkId id, const LinkTarget& target, Found found) {
  const Instant now = read_monotonic_clock();
  if (!found.error.empty() || found.addresses.empty()) {
    return report_closed(id, now, found.error.empty() ? "the host name has no address" : found.error);
  }
  if (target.kind == LinkKind::udp) {
    auto link = std::make_unique<DatagramLink>(*this, id, found.addresses.front());
    if (auto opened = link->open(); !opened) return report_closed(id, now, opened.error().message);
    links_[id] = std::move(link);
    return report_open(id, now);
  }
  auto link = std::make_unique<StreamLink>(*this, id, std::move(found));
  if (!link->connect_next()) return report_closed(id, now, link->error());
  links_[id] = std::move(link);
}

void ServerLinks::send(LinkId id, Bytes bytes) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second) {
    ++dropped_;
  } else {
    found->second->send(bytes);
  }
}

void ServerLinks::close(LinkId id) {
  links_.erase(id);
}

void ServerLinks::flush() {
  for (const auto& [id, link] : links_) {
    if (link) link->flush();
  }
}

void ServerLinks::report_open(LinkId id, Instant now) {
  active_ = true;
  events_.on_link_open(now, id);
}

void ServerLinks::report_bytes(LinkId id, Instant now, MutableBytes bytes) {
  active_ = true;
  events_.on_link_bytes(now, id, bytes);
}

void ServerLinks::report_closed(LinkId id, Instant now, const std::string& why) {
  active_ = true;
  const auto closed = links_.extract(id);  // `why` may be its own: it goes when that is said
  events_.on_link_closed(now, id, why);
}

}  // namespace holdfast::io
