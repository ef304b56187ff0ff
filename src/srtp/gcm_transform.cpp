#include "srtp/gcm_transform.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "srtp/replay_window.hpp"
#include "srtp/session.hpp"

namespace holdfast::srtp {
namespace {

constexpr std::size_t key_size = 16;
constexpr std::size_t salt_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t rtcp_index_size = 4;
constexpr std::size_t rtp_header_size = 12;
constexpr std::size_t rtcp_header_size = 8;
constexpr std::uint32_t encrypted_flag = 0x8000'0000;  // RFC 3711 section 3.4
// SSRCs known at once, more than any session has: beyond, the one heard of first is forgotten.
constexpr std::size_t max_streams = 64;

using Salt = std::array<std::uint8_t, salt_size>;
using Nonce = std::array<std::uint8_t, salt_size>;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

// Ciphers that every OpenSSL has, with keys of the right length: only memory can be missing.
void must(int result) {
  if (result != 1) std::abort();
}

// Labels of the keys made from the master key (RFC 3711 section 4.3.2).
enum class Label : std::uint8_t { rtp_key = 0, rtp_salt = 2, rtcp_key = 3, rtcp_salt = 5 };

// RFC 3711 section 4.3.1 with a derivation rate of 0; the salt of 96 bits is padded at its end (RFC 7714
// section 11).
void derive(Bytes master, Label label, MutableBytes out) {
  std::array<std::uint8_t, 16> counter{};
  std::ranges::copy(master.subspan(key_size, salt_size), counter.begin());
  counter[7] ^= static_cast<std::uint8_t>(label);
  const CipherContext context(EVP_CIPHER_CTX_new());
  must(EVP_EncryptInit_ex(context.get(), EVP_aes_128_ctr(), nullptr, master.data(), counter.data()));
  std::ranges::fill(out, std::uint8_t{0});
  int written = 0;
  must(EVP_EncryptUpdate(context.get(), out.data(), &written, out.data(), static_cast<int>(out.size())));
}

enum class Direction : int { decrypt = 0, encrypt = 1 };

// AES-128-GCM with one key and salt, in place.
class Cipher {
 public:
  Cipher(Bytes master, Label key_label, Label salt_label, Direction direction)
      : context_(EVP_CIPHER_CTX_new()) {
    std::array<std::uint8_t, key_size> key;
    derive(master, key_label, key);
    derive(master, salt_label, salt_);
    must(EVP_CipherInit_ex(context_.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr,
                           static_cast<int>(direction)));
  }

  // RFC 7714 sections 8.1 and 9.1: the SSRC and the index, in their places, over the salt.
  Nonce rtp_nonce(std::uint32_t ssrc, std::uint64_t index) const {
    Nonce nonce{};
    store_u32(&nonce[2], ssrc);
    store_u32(&nonce[6], static_cast<std::uint32_t>(index >> 16));
    store_u16(&nonce[10], static_cast<std::uint16_t>(index));
    return salted(nonce);
  }
  Nonce rtcp_nonce(std::uint32_t ssrc, std::uint32_t index) const {
    Nonce nonce{};
    store_u32(&nonce[2], ssrc);
    store_u32(&nonce[8], index);
    return salted(nonce);
  }

  void begin(const Nonce& nonce) {
    must(EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), -1));
  }
  void add(Bytes authenticated) {
    int size = 0;
    must(EVP_CipherUpdate(context_.get(), nullptr, &size, authenticated.data(),
                          static_cast<int>(authenticated.size())));
  }
  void crypt(MutableBytes text) {
    int size = 0;
    must(EVP_CipherUpdate(context_.get(), text.data(), &size, text.data(), static_cast<int>(text.size())));
  }
  bool matches(MutableBytes tag) {
    must(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()));
    int size = 0;
    return EVP_CipherFinal_ex(context_.get(), nullptr, &size) == 1;
  }
  void make_tag(MutableBytes tag) {
    int size = 0;
    must(EVP_CipherFinal_ex(context_.get(), nullptr, &size));
    must(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, tag.data()));
  }

 private:
  Nonce salted(Nonce nonce) const {
    for (std::size_t i = 0; i < salt_size; ++i) nonce[i] ^= salt_[i];
    return nonce;
  }

  CipherContext context_;
  Salt salt_;
};

// What is known of an SSRC, of its RTP and of its RTCP.
struct Stream {
  std::uint32_t ssrc = 0;
  ReplayWindow<Session::window_packets> rtp;
  ReplayWindow<128> rtcp;
};

class Streams {
 public:
  // Null: never heard of.
  Stream* find(std::uint32_t ssrc) {
    const auto found = std::ranges::find(streams_, ssrc, &Stream::ssrc);
    return found == streams_.end() ? nullptr : &*found;
  }
  Stream& get(std::uint32_t ssrc) {
    if (Stream* known = find(ssrc)) return *known;
    if (streams_.size() == max_streams) streams_.erase(streams_.begin());
    streams_.push_back({.ssrc = ssrc, .rtp = {}, .rtcp = {}});
    return streams_.back();
  }
  void forget(std::uint32_t ssrc) {
    std::erase_if(streams_, [&](const Stream& stream) { return stream.ssrc == ssrc; });
  }

 private:
  std::vector<Stream> streams_;
};

// Size of the header with its CSRCs and extension (RFC 3550 section 5.1), which stays in the clear. Nothing:
// it is longer than the packet, or no RTP.
std::optional<std::size_t> rtp_clear_size(Bytes packet) {
  if (packet.size() < rtp_header_size || packet[0] >> 6 != 2) return std::nullopt;
  std::size_t size = rtp_header_size + std::size_t{4} * (packet[0] & 0x0f);
  if ((packet[0] & 0x10) != 0) {
    if (packet.size() < size + 4) return std::nullopt;
    size += 4 + std::size_t{4} * load_u16(&packet[size + 2]);
  }
  return size <= packet.size() ? std::optional(size) : std::nullopt;
}

class GcmTransform final : public Transform {
 public:
  GcmTransform(Bytes local, Bytes remote)
      : rtp_in_(remote, Label::rtp_key, Label::rtp_salt, Direction::decrypt),
        rtcp_in_(remote, Label::rtcp_key, Label::rtcp_salt, Direction::decrypt),
        rtp_out_(local, Label::rtp_key, Label::rtp_salt, Direction::encrypt),
        rtcp_out_(local, Label::rtcp_key, Label::rtcp_salt, Direction::encrypt) {}

  std::expected<std::size_t, Refusal> unprotect_rtp(MutableBytes packet) override {
    const auto clear = rtp_clear_size(packet);
    if (!clear || packet.size() < *clear + tag_size) return std::unexpected(Refusal::malformed);
    const std::uint16_t sequence = load_u16(&packet[2]);
    const std::uint32_t ssrc = load_u32(&packet[8]);
    Stream* stream = received_.find(ssrc);
    const bool begun = stream != nullptr && !stream->rtp.empty();
    const auto index = begun ? estimate_index(stream->rtp.highest(), sequence) : sequence;
    if (!index || (begun && !stream->rtp.admits(*index))) return std::unexpected(Refusal::replayed);
    const std::size_t end = packet.size() - tag_size;
    rtp_in_.begin(rtp_in_.rtp_nonce(ssrc, *index));
    rtp_in_.add(packet.first(*clear));
    rtp_in_.crypt(packet.subspan(*clear, end - *clear));
    if (!rtp_in_.matches(packet.subspan(end))) return std::unexpected(Refusal::unauthentic);
    if (stream == nullptr) stream = &received_.get(ssrc);
    stream->rtp.take(*index);
    return end;
  }

  std::expected<std::size_t, Refusal> unprotect_rtcp(MutableBytes packet) override {
    if (packet.size() < rtcp_header_size + tag_size + rtcp_index_size || packet[0] >> 6 != 2)
      return std::unexpected(Refusal::malformed);
    const std::size_t index_at = packet.size() - rtcp_index_size;
    const std::size_t end = index_at - tag_size;
    const std::uint32_t trailer = load_u32(&packet[index_at]);
    const std::uint32_t index = trailer & ~encrypted_flag;
    const std::uint32_t ssrc = load_u32(&packet[4]);
    Stream* stream = received_.find(ssrc);
    if (stream != nullptr && !stream->rtcp.admits(index)) return std::unexpected(Refusal::replayed);
    // RFC 7714 section 9.2 and 9.3: what is not encrypted is authenticated.
    const std::size_t clear = (trailer & encrypted_flag) != 0 ? rtcp_header_size : end;
    rtcp_in_.begin(rtcp_in_.rtcp_nonce(ssrc, index));
    rtcp_in_.add(packet.first(clear));
    rtcp_in_.add(packet.subspan(index_at));
    rtcp_in_.crypt(packet.subspan(clear, end - clear));
    if (!rtcp_in_.matches(packet.subspan(end, tag_size))) return std::unexpected(Refusal::unauthentic);
    if (stream == nullptr) stream = &received_.get(ssrc);
    stream->rtcp.take(index);
    return end;
  }

  std::optional<std::size_t> protect_rtp(MutableBytes buffer, std::size_t size) override {
    const auto clear = rtp_clear_size(buffer.first(size));
    if (!clear) return std::nullopt;
    const std::uint16_t sequence = load_u16(&buffer[2]);
    const std::uint32_t ssrc = load_u32(&buffer[8]);
    Sender& sender = this->sender(ssrc);
    // A packet that is sent again is the same as it was: its index, and so its nonce and its text.
    const auto index = sender.begun ? estimate_index(sender.highest, sequence) : sequence;
    if (!index || *index >= std::uint64_t{1} << 48) return std::nullopt;
    sender.highest = sender.begun ? std::max(sender.highest, *index) : *index;
    sender.begun = true;
    rtp_out_.begin(rtp_out_.rtp_nonce(ssrc, *index));
    rtp_out_.add(buffer.first(*clear));
    rtp_out_.crypt(buffer.subspan(*clear, size - *clear));
    rtp_out_.make_tag(buffer.subspan(size, tag_size));
    return size + tag_size;
  }

  std::optional<std::size_t> protect_rtcp(MutableBytes buffer, std::size_t size) override {
    if (size < rtcp_header_size || buffer[0] >> 6 != 2) return std::nullopt;
    const std::uint32_t ssrc = load_u32(&buffer[4]);
    Sender& sender = this->sender(ssrc);
    if (sender.rtcp_index + 1 == encrypted_flag) return std::nullopt;
    const std::uint32_t index = ++sender.rtcp_index;
    const MutableBytes trailer = buffer.subspan(size + tag_size, rtcp_index_size);
    store_u32(trailer.data(), index | encrypted_flag);
    rtcp_out_.begin(rtcp_out_.rtcp_nonce(ssrc, index));
    rtcp_out_.add(buffer.first(rtcp_header_size));
    rtcp_out_.add(trailer);
    rtcp_out_.crypt(buffer.subspan(rtcp_header_size, size - rtcp_header_size));
    rtcp_out_.make_tag(buffer.subspan(size, tag_size));
    return size + tag_size + rtcp_index_size;
  }

  void forget(Ssrc ssrc) override { received_.forget(ssrc.value()); }

 private:
  struct Sender {
    std::uint32_t ssrc = 0;
    bool begun = false;
    std::uint64_t highest = 0;
    std::uint32_t rtcp_index = 0;
  };
  // None is ever forgotten: a nonce must not come twice. They are our own SSRCs.
  Sender& sender(std::uint32_t ssrc) {
    const auto found = std::ranges::find(senders_, ssrc, &Sender::ssrc);
    return found != senders_.end() ? *found : senders_.emplace_back(Sender{.ssrc = ssrc});
  }

  Cipher rtp_in_;
  Cipher rtcp_in_;
  Cipher rtp_out_;
  Cipher rtcp_out_;
  Streams received_;
  std::vector<Sender> senders_;
};

}  // namespace

Result<std::unique_ptr<Transform>> make_gcm_transform(Bytes local, Bytes remote) {
  if (local.size() != key_size + salt_size || remote.size() != key_size + salt_size) {
    return fail(ErrorCode::internal, "SRTP keys of {} and {} bytes have the wrong size for AEAD_AES_128_GCM",
                local.size(), remote.size());
  }
  return std::make_unique<GcmTransform>(local, remote);
}

}  // namespace holdfast::srtp
