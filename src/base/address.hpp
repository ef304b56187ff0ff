#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// An IPv4 or IPv6 address, kept as 16 bytes; IPv4 as ::ffff:a.b.c.d, as a dual-stack socket reports it.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  constexpr explicit IpAddress(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}
  static constexpr IpAddress from_v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return IpAddress({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d});
  }
  // "192.0.2.1" or "2001:db8::1" (no brackets, no zone).
  static std::optional<IpAddress> parse(std::string_view text);

  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  bool is_v4() const;
  bool is_loopback() const;
  bool is_link_local() const;
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// An address and a UDP or TCP port: one end of a path.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // "192.0.2.1:8000" or "[2001:db8::1]:8000".
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

// Where a server of ours listens: a TCP address, or the path of a Unix socket.
struct ListenAddress {
  Endpoint endpoint{};
  std::string socket_path{};  // empty: `endpoint`

  // "ADDRESS:PORT" or "unix:PATH", of at most max_path bytes.
  static constexpr std::size_t max_path = 107;
  static std::optional<ListenAddress> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const ListenAddress&) const = default;
};

}  // namespace holdfast

template <>
struct std::hash<holdfast::Endpoint> {
  std::size_t operator()(const holdfast::Endpoint& endpoint) const noexcept;
};
