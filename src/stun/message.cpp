#include "stun/message.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace holdfast::stun {
namespace {

constexpr std::uint32_t magic_cookie = 0x2112a442;
constexpr std::size_t attribute_header_size = 4;
constexpr std::size_t hmac_size = 20;
constexpr std::uint32_t fingerprint_mask = 0x5354554e;  // RFC 8489 section 14.7

// RFC 8489 section 18.3, RFC 8445 section 16.1, RFC 8656 section 18.
enum Attribute : std::uint16_t {
  mapped_address = 0x0001,
  username = 0x0006,
  message_integrity = 0x0008,
  error_code = 0x0009,
  unknown_attributes = 0x000a,
  channel_number = 0x000c,
  lifetime = 0x000d,
  xor_peer_address = 0x0012,
  data = 0x0013,
  realm = 0x0014,
  nonce = 0x0015,
  xor_relayed_address = 0x0016,
  requested_transport = 0x0019,
  xor_mapped_address = 0x0020,
  priority = 0x0024,
  use_candidate = 0x0025,
  fingerprint = 0x8028,
  ice_controlled = 0x8029,
  ice_controlling = 0x802a,
};

constexpr std::size_t padding(std::size_t length) {
  return (4 - length % 4) % 4;
}

// The class bits stand apart among the method bits: RFC 8489 section 5, figure 3. The methods we know are all
// below the first of them.
constexpr std::uint16_t encode_type(Method method, Class type) {
  const auto bits = static_cast<unsigned>(type);
  return static_cast<std::uint16_t>(std::to_underlying(method) | (bits & 1) << 4 | (bits & 2) << 7);
}
constexpr bool is_of(Protocol protocol, Method method) {
  switch (method) {
    case Method::binding:
      return protocol == Protocol::ice;
    case Method::allocate:
    case Method::refresh:
    case Method::send:
    case Method::data:
    case Method::create_permission:
    case Method::channel_bind:
      return protocol == Protocol::turn;
  }
  return false;
}
// False: of another protocol.
bool decode_type(std::uint16_t type, Protocol protocol, Message& message) {
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): is_of() says whether it is one
  message.method = static_cast<Method>(type & 0xfeef);
  message.type = static_cast<Class>((type >> 4 & 1) | (type >> 7 & 2));
  return is_of(protocol, message.method);
}

constexpr auto crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    table[i] = crc;
  }
  return table;
}();

std::uint32_t fingerprint_of(Bytes bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) crc = crc >> 8 ^ crc_table[(crc ^ byte) & 0xff];
  return ~crc ^ fingerprint_mask;
}

// Over what stands before MESSAGE-INTEGRITY, with a header length that counts it as the last attribute (RFC
// 8489 section 14.5).
std::array<std::uint8_t, hmac_size> integrity_of(Bytes before, std::string_view password) {
  std::array<std::uint8_t, max_size> text;
  std::copy(before.begin(), before.end(), text.begin());
  store_u16(text.data() + 2,
            static_cast<std::uint16_t>(before.size() - header_size + attribute_header_size + hmac_size));
  std::array<std::uint8_t, hmac_size> hmac{};
  unsigned size = hmac_size;
  if (HMAC(EVP_sha1(), password.data(), static_cast<int>(password.size()), text.data(), before.size(),
           hmac.data(), &size) == nullptr) {
    std::abort();  // SHA-1 is always there; without it no message could be trusted
  }
  return hmac;
}

// The pad that an XOR-MAPPED-ADDRESS is hidden under (RFC 8489 section 14.2): its bytes from the cookie on.
std::array<std::uint8_t, 16> address_pad(const TransactionId& transaction) {
  std::array<std::uint8_t, 16> pad{};
  store_u32(pad.data(), magic_cookie);
  std::copy(transaction.begin(), transaction.end(), pad.begin() + 4);
  return pad;
}

std::optional<Endpoint> parse_xor_address(Bytes value, const TransactionId& transaction) {
  ByteReader reader(value);
  reader.skip(1);
  const std::uint8_t family = reader.read_u8();
  const auto port = static_cast<std::uint16_t>(reader.read_u16() ^ magic_cookie >> 16);
  const Bytes hidden = reader.rest();
  if (!reader.ok() || !((family == 1 && hidden.size() == 4) || (family == 2 && hidden.size() == 16))) {
    return std::nullopt;
  }
  const auto pad = address_pad(transaction);
  std::array<std::uint8_t, 16> address = IpAddress::from_v4(0, 0, 0, 0).bytes();
  const std::size_t offset = address.size() - hidden.size();
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    address[offset + i] = static_cast<std::uint8_t>(hidden[i] ^ pad[i]);
  }
  return Endpoint{IpAddress(address), port};
}

std::optional<ErrorCode> parse_error(Bytes value) {
  ByteReader reader(value);
  reader.skip(2);
  const int hundreds = reader.read_u8() & 7;
  const int rest = reader.read_u8();
  if (!reader.ok() || hundreds < 3 || hundreds > 6 || rest > 99) return std::nullopt;
  return ErrorCode{hundreds * 100 + rest, as_text(reader.rest())};
}

// Stores an attribute's value, if this is the first of its type (RFC 8489 section 14). False if it is
// malformed.
template <typename T>
bool keep_first(std::optional<T>& field, const std::optional<T>& value) {
  if (!field) field = value;
  return value.has_value();
}

// A number with reserved bytes after it.
template <typename T, std::size_t Reserved>
std::optional<T> as_padded(Bytes value) {
  if (value.size() != sizeof(T) + Reserved) return std::nullopt;
  if constexpr (sizeof(T) == 1) return value[0];
  if constexpr (sizeof(T) == 2) return load_u16(value.data());
}
std::optional<std::uint32_t> as_u32(Bytes value) {
  return value.size() == 4 ? std::optional(load_u32(value.data())) : std::nullopt;
}
std::optional<std::uint64_t> as_u64(Bytes value) {
  return value.size() == 8 ? std::optional(load_u64(value.data())) : std::nullopt;
}

// False if the attribute is malformed.
bool read_attribute(Message& message, std::uint16_t type, Bytes value) {
  switch (type) {
    case Attribute::username:
      return keep_first(message.username, std::optional(as_text(value)));
    case Attribute::xor_mapped_address:
      return keep_first(message.mapped, parse_xor_address(value, message.transaction));
    case Attribute::error_code:
      return keep_first(message.error, parse_error(value));
    case Attribute::priority:
      return keep_first(message.priority, as_u32(value));
    case Attribute::ice_controlling:
      return keep_first(message.controlling, as_u64(value));
    case Attribute::ice_controlled:
      return keep_first(message.controlled, as_u64(value));
    case Attribute::use_candidate:
      message.use_candidate = true;
      return value.empty();
    case Attribute::unknown_attributes:
      for (std::size_t i = 0; i + 2 <= value.size(); i += 2) message.unknown_to_peer.add(load_u16(&value[i]));
      return value.size() % 2 == 0;
    case Attribute::realm:
      return keep_first(message.realm, std::optional(as_text(value)));
    case Attribute::nonce:
      return keep_first(message.nonce, std::optional(as_text(value)));
    case Attribute::lifetime:
      return keep_first(message.lifetime, as_u32(value));
    case Attribute::channel_number:
      return keep_first(message.channel, as_padded<std::uint16_t, 2>(value));
    case Attribute::requested_transport:
      return keep_first(message.requested_transport, as_padded<std::uint8_t, 3>(value));
    case Attribute::xor_relayed_address:
      return keep_first(message.relayed, parse_xor_address(value, message.transaction));
    case Attribute::xor_peer_address:
      return keep_first(message.peer, parse_xor_address(value, message.transaction));
    case Attribute::data:
      return keep_first(message.data, std::optional(value));
    case Attribute::mapped_address:  // what servers from before RFC 5389 send beside the other
      return true;
    default:
      if (type < 0x8000) message.not_understood.add(type);
      return true;
  }
}

// Appends attributes; the header's length is kept true throughout.
class AttributeWriter {
 public:
  explicit AttributeWriter(ByteVector& out) : out_(out), writer_(out) {}

  void write(Attribute type, Bytes value) {
    writer_.write_u16(type);
    writer_.write_u16(static_cast<std::uint16_t>(value.size()));
    writer_.write_bytes(value);
    writer_.write_zeros(padding(value.size()));
    writer_.patch_u16(2, static_cast<std::uint16_t>(out_.size() - header_size));
  }
  void write_u32(Attribute type, std::uint32_t value) {
    std::array<std::uint8_t, 4> bytes{};
    store_u32(bytes.data(), value);
    write(type, bytes);
  }
  void write_u64(Attribute type, std::uint64_t value) {
    std::array<std::uint8_t, 8> bytes{};
    store_u64(bytes.data(), value);
    write(type, bytes);
  }
  void write_xor_address(Attribute type, const Endpoint& endpoint, const TransactionId& transaction) {
    const bool v4 = endpoint.address.is_v4();
    const Bytes address = Bytes(endpoint.address.bytes()).subspan(v4 ? 12 : 0);
    const auto pad = address_pad(transaction);
    std::array<std::uint8_t, 20> value{0, static_cast<std::uint8_t>(v4 ? 1 : 2)};
    store_u16(&value[2], static_cast<std::uint16_t>(endpoint.port ^ magic_cookie >> 16));
    for (std::size_t i = 0; i < address.size(); ++i)
      value[4 + i] = static_cast<std::uint8_t>(address[i] ^ pad[i]);
    write(type, Bytes(value).first(4 + address.size()));
  }
  void write_error(const ErrorCode& error) {
    ByteVector value{0, 0, static_cast<std::uint8_t>(error.number / 100),
                     static_cast<std::uint8_t>(error.number % 100)};
    ByteWriter(value).write_bytes(as_bytes(error.reason));
    write(Attribute::error_code, value);
  }
  void write_unknown(const UnknownAttributes& unknown) {
    ByteVector value;
    for (std::size_t i = 0; i < unknown.count; ++i) ByteWriter(value).write_u16(unknown.types[i]);
    write(Attribute::unknown_attributes, value);
  }
  void write_integrity(std::string_view password) {
    write(Attribute::message_integrity, integrity_of(out_, password));
  }
  void write_fingerprint() {
    write_u32(Attribute::fingerprint, 0);  // first, as the checksum covers a length that counts it
    const std::size_t before = out_.size() - attribute_header_size - 4;
    store_u32(&out_[before + attribute_header_size], fingerprint_of(Bytes(out_).first(before)));
  }

 private:
  ByteVector& out_;
  ByteWriter writer_;
};

}  // namespace

bool is_stun(Bytes datagram) {
  return datagram.size() >= header_size && datagram[0] < 4 && load_u32(&datagram[4]) == magic_cookie;
}

std::optional<Message> parse(Bytes datagram, Protocol protocol) {
  if (!is_stun(datagram) || datagram.size() > max_size || datagram.size() % 4 != 0) return std::nullopt;
  ByteReader reader(datagram);
  Message message;
  if (!decode_type(reader.read_u16(), protocol, message)) return std::nullopt;
  if (reader.read_u16() != datagram.size() - header_size) return std::nullopt;
  message.datagram = datagram;
  reader.skip(4);
  std::ranges::copy(reader.read_bytes(message.transaction.size()), message.transaction.begin());

  while (reader.remaining() > 0) {
    const std::size_t offset = datagram.size() - reader.remaining();
    const std::uint16_t attribute = reader.read_u16();
    const std::uint16_t length = reader.read_u16();
    const Bytes value = reader.read_bytes(length);
    reader.skip(padding(length));
    if (!reader.ok()) return std::nullopt;
    if (attribute == Attribute::fingerprint) {  // always the last one
      const bool matches = as_u32(value) == fingerprint_of(datagram.first(offset));
      return matches && reader.remaining() == 0 ? std::optional(message) : std::nullopt;
    }
    if (message.integrity_offset != 0) continue;
    if (attribute == Attribute::message_integrity) {
      if (length != hmac_size) return std::nullopt;
      message.integrity_offset = offset;
    } else if (!read_attribute(message, attribute, value)) {
      return std::nullopt;
    }
  }
  return message;
}

bool is_authentic(const Message& message, std::string_view password) {
  if (message.integrity_offset == 0) return false;
  const auto expected = integrity_of(message.datagram.first(message.integrity_offset), password);
  return CRYPTO_memcmp(expected.data(), &message.datagram[message.integrity_offset + attribute_header_size],
                       expected.size()) == 0;
}

namespace {

// All but MESSAGE-INTEGRITY and FINGERPRINT.
ByteVector serialize_begin(const Message& message) {
  ByteVector out;
  out.reserve(192 + (message.data ? message.data->size() : 0));  // more than a check needs
  ByteWriter header(out);
  header.write_u16(encode_type(message.method, message.type));
  header.write_u16(0);
  header.write_u32(magic_cookie);
  header.write_bytes(message.transaction);

  AttributeWriter attributes(out);
  const auto write_text = [&](Attribute type, const std::optional<std::string_view>& text) {
    if (text) attributes.write(type, as_bytes(*text));
  };
  const auto write_address = [&](Attribute type, const std::optional<Endpoint>& endpoint) {
    if (endpoint) attributes.write_xor_address(type, *endpoint, message.transaction);
  };
  write_text(Attribute::username, message.username);
  write_text(Attribute::realm, message.realm);
  write_text(Attribute::nonce, message.nonce);
  write_address(Attribute::xor_mapped_address, message.mapped);
  write_address(Attribute::xor_relayed_address, message.relayed);
  write_address(Attribute::xor_peer_address, message.peer);
  if (message.error) attributes.write_error(*message.error);
  if (!message.unknown_to_peer.empty()) attributes.write_unknown(message.unknown_to_peer);
  if (message.priority) attributes.write_u32(Attribute::priority, *message.priority);
  if (message.controlling) attributes.write_u64(Attribute::ice_controlling, *message.controlling);
  if (message.controlled) attributes.write_u64(Attribute::ice_controlled, *message.controlled);
  if (message.use_candidate) attributes.write(Attribute::use_candidate, {});
  if (message.requested_transport) {
    attributes.write_u32(Attribute::requested_transport, std::uint32_t{*message.requested_transport} << 24);
  }
  if (message.lifetime) attributes.write_u32(Attribute::lifetime, *message.lifetime);
  if (message.channel) attributes.write_u32(Attribute::channel_number, std::uint32_t{*message.channel} << 16);
  if (message.data) attributes.write(Attribute::data, *message.data);
  return out;
}

// What does not fit is the caller's mistake.
void check_room(std::size_t size) {
  if (size > max_size) std::abort();
}

}  // namespace

ByteVector serialize(const Message& message, std::string_view password) {
  ByteVector out = serialize_begin(message);
  check_room(out.size() + 2 * attribute_header_size + hmac_size + 4);
  AttributeWriter attributes(out);
  attributes.write_integrity(password);
  attributes.write_fingerprint();
  return out;
}

ByteVector serialize_unsigned(const Message& message) {
  ByteVector out = serialize_begin(message);
  check_room(out.size() + attribute_header_size + 4);
  AttributeWriter(out).write_fingerprint();
  return out;
}

std::optional<std::string> long_term_key(std::string_view username, std::string_view realm,
                                         std::string_view password) {
  const std::string text = fmt::format("{}:{}:{}", username, realm, password);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr) != 1) {
    return std::nullopt;
  }
  return std::string(digest.begin(), digest.begin() + size);
}

}  // namespace holdfast::stun
