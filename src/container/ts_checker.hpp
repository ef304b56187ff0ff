#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "media/frame.hpp"

// A strict reader of MPEG-TS for tests, written from ISO/IEC 13818-1 and sharing nothing with the writer.
// Collects what it finds and every rule that is broken.
namespace holdfast::container::test {

struct TsPes {
  std::uint16_t pid = 0;
  std::uint8_t stream_id = 0;
  std::size_t declared_length = 0;
  std::uint64_t pts = 0;  // 33 bits
  std::uint64_t dts = 0;
  bool random_access = false;
  std::optional<std::uint64_t> clock;  // the last PCR before or in its first packet
  std::size_t first_packet = 0;
  ByteVector payload;
};

struct TsReport {
  std::vector<std::string> faults;
  std::vector<TsPes> pes;
  std::vector<std::uint64_t> pcrs;
  std::vector<std::size_t> discontinuities;  // index into pcrs
  std::vector<std::size_t> tables;           // packets where a PAT begins
  std::map<std::uint16_t, std::uint8_t> stream_types;
  ByteVector pmt;
  std::uint16_t pcr_pid = 0;
  std::size_t packets = 0;

  std::vector<const TsPes*> of(std::uint16_t pid) const {
    std::vector<const TsPes*> found;
    for (const TsPes& one : pes) {
      if (one.pid == pid) found.push_back(&one);
    }
    return found;
  }
};

class TsChecker {
 public:
  static TsReport check(Bytes file) {
    TsChecker checker;
    checker.read(file);
    return std::move(checker.report_);
  }

  // The shorter way round from `a` to `b` on a clock of 33 bits.
  static std::int64_t distance(std::uint64_t a, std::uint64_t b) {
    const std::uint64_t step = (b - a) & 0x1'ffff'ffff;
    return step < (1ULL << 32) ? static_cast<std::int64_t>(step)
                               : static_cast<std::int64_t>(step) - static_cast<std::int64_t>(1ULL << 33);
  }

 private:
  static constexpr std::size_t size = 188;

  template <typename... Args>
  void fault(fmt::format_string<Args...> format, Args&&... args) {
    report_.faults.push_back(fmt::format("packet {}: ", report_.packets) +
                             fmt::format(format, std::forward<Args>(args)...));
  }

  void read(Bytes file) {
    if (file.size() % size != 0) fault("{} bytes are not a whole number of packets", file.size());
    for (; file.size() >= size; file = file.subspan(size)) {
      read_packet(file.first(size));
      ++report_.packets;
    }
    for (const TsPes& pes : report_.pes) check_pes(pes);
  }

  void read_packet(Bytes packet) {
    if (packet[0] != 0x47) return fault("no sync byte");
    if ((packet[1] & 0x80) != 0) fault("transport error");
    if ((packet[3] & 0xc0) != 0) fault("scrambled");
    const bool start = (packet[1] & 0x40) != 0;
    const auto pid = static_cast<std::uint16_t>(load_u16(packet.data() + 1) & 0x1fff);
    const unsigned control = packet[3] >> 4 & 3;
    if (control == 0) return fault("reserved adaptation control");
    if (pid == 0x1fff) fault("a null packet");

    Bytes body = packet.subspan(4);
    random_access_ = discontinuity_ = false;
    if ((control & 2) != 0) {
      const std::size_t length = body[0];
      if ((control & 1) != 0 ? length > 182 : length != 183) {
        return fault("adaptation field of {} bytes", length);
      }
      read_adaptation(pid, body.subspan(1, length));
      body = body.subspan(1 + length);
    }
    check_continuity(pid, packet[3] & 0xf, (control & 1) != 0);
    if ((control & 1) != 0) read_payload(pid, start, body);
  }

  void check_continuity(std::uint16_t pid, std::uint8_t counter, bool payload) {
    const auto last = continuity_.find(pid);
    if (last != continuity_.end() && !discontinuity_) {
      const unsigned want = payload ? (last->second + 1U) & 0xf : last->second;
      if (counter != want) fault("continuity counter {} on PID {}, not {}", counter, pid, want);
    }
    continuity_[pid] = counter;
  }

  void read_adaptation(std::uint16_t pid, Bytes field) {
    if (field.empty()) return;
    random_access_ = (field[0] & 0x40) != 0;
    discontinuity_ = (field[0] & 0x80) != 0;
    std::size_t used = 1;
    if ((field[0] & 0x10) != 0) {
      if (field.size() < 7) return fault("no room for a PCR");
      read_pcr(pid, field);
      used += 6;
    }
    for (const std::uint8_t byte : field.subspan(used)) {
      if (byte != 0xff) return fault("stuffing of {:#x}", byte);
    }
  }

  void read_pcr(std::uint16_t pid, Bytes field) {
    if (pid != report_.pcr_pid) fault("PCR on PID {}, not {}", pid, report_.pcr_pid);
    if ((field[5] & 0x7e) != 0x7e) fault("reserved bits of the PCR");
    const std::uint64_t pcr = std::uint64_t{load_u32(field.data() + 1)} << 1 | field[5] >> 7;
    if (discontinuity_) {
      report_.discontinuities.push_back(report_.pcrs.size());
      if (table_pcr_) table_pcr_ = pcr;
    } else if (!report_.pcrs.empty()) {
      const std::int64_t step = distance(report_.pcrs.back(), pcr);
      if (step <= 0) fault("PCR steps by {}", step);
      if (step > 90L * 40) fault("PCR steps by {} ms", step / 90);
    }
    report_.pcrs.push_back(pcr);
  }

  void read_payload(std::uint16_t pid, bool start, Bytes body) {
    if (pid == 0) return read_pat(start, body);
    if (pid == pmt_pid_) return read_pmt(start, body);
    if (!report_.stream_types.contains(pid)) return fault("PID {} is in no table", pid);
    if (start) return begin_pes(pid, body);
    const auto open = open_.find(pid);
    if (open == open_.end()) return fault("PID {}: continuation without a start", pid);
    ByteVector& payload = report_.pes[open->second].payload;
    payload.insert(payload.end(), body.begin(), body.end());
  }

  std::optional<Bytes> read_section(bool start, Bytes body, std::uint8_t table_id) {
    if (!start || body[0] != 0) {
      fault("a section that does not begin its packet");
      return std::nullopt;
    }
    const Bytes section = body.subspan(1);
    const std::size_t length = load_u16(section.data() + 1) & 0xfff;
    if (section[0] != table_id || length + 3 > section.size()) {
      fault("section of table {} with {} bytes", section[0], length);
      return std::nullopt;
    }
    // A section with its CRC divides without a rest (Annex A).
    std::uint32_t crc = 0xffff'ffff;
    for (const std::uint8_t byte : section.first(length + 3)) {
      crc ^= std::uint32_t{byte} << 24;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000'0000) != 0 ? crc << 1 ^ 0x04c1'1db7 : crc << 1;
    }
    if (crc != 0) fault("CRC of table {}", table_id);
    return section.subspan(8, length + 3 - 8 - 4);
  }

  void read_pat(bool start, Bytes body) {
    const auto section = read_section(start, body, 0);
    if (!section || section->size() != 4) return fault("PAT");
    pmt_pid_ = static_cast<std::uint16_t>(load_u16(section->data() + 2) & 0x1fff);
    report_.tables.push_back(report_.packets);
    if (!report_.pcrs.empty() && table_pcr_) {
      // Seen from the reference before it: up to 40 ms too long.
      const std::int64_t step = distance(*table_pcr_, report_.pcrs.back());
      if (step > 90L * 140) fault("tables after {} ms", step / 90);
    }
    if (!report_.pcrs.empty()) table_pcr_ = report_.pcrs.back();
  }

  void read_pmt(bool start, Bytes body) {
    const auto section = read_section(start, body, 2);
    if (!section) return;
    report_.pmt.assign(section->begin(), section->end());
    ByteReader reader(*section);
    report_.pcr_pid = reader.read_u16() & 0x1fff;
    reader.skip(reader.read_u16() & 0xfff);
    while (reader.remaining() > 0 && reader.ok()) {
      const std::uint8_t type = reader.read_u8();
      report_.stream_types[reader.read_u16() & 0x1fff] = type;
      reader.skip(reader.read_u16() & 0xfff);
    }
    if (!reader.ok()) fault("PMT");
  }

  static std::uint64_t read_time(const std::uint8_t* p) {
    return std::uint64_t{p[0] >> 1U & 7U} << 30 | std::uint64_t{load_u16(p + 1)} >> 1 << 15 |
           std::uint64_t{load_u16(p + 3)} >> 1;
  }

  void begin_pes(std::uint16_t pid, Bytes body) {
    if (body.size() < 14 || load_u24(body.data()) != 1) return fault("no PES header");
    TsPes pes;
    pes.pid = pid;
    pes.stream_id = body[3];
    pes.declared_length = load_u16(body.data() + 4);
    const std::size_t header = body[8];
    const bool has_dts = (body[7] & 0x40) != 0;
    if ((body[7] & 0x80) == 0 || header != (has_dts ? 10U : 5U) || body.size() < 9 + header) {
      return fault("PES without PTS");
    }
    for (const std::size_t at : {std::size_t{9}, std::size_t{11}, std::size_t{13}}) {
      if ((body[at] & 1) == 0) fault("marker bit of the PTS");
    }
    pes.pts = pes.dts = read_time(body.data() + 9);
    if (has_dts) pes.dts = read_time(body.data() + 14);
    pes.random_access = random_access_;
    if (!report_.pcrs.empty()) pes.clock = report_.pcrs.back();
    pes.first_packet = report_.packets;
    pes.payload.assign(body.begin() + 9 + static_cast<std::ptrdiff_t>(header), body.end());
    header_sizes_[report_.pes.size()] = 3 + header;
    open_[pid] = report_.pes.size();
    report_.pes.push_back(std::move(pes));
  }

  void check_pes(const TsPes& pes) {
    const std::size_t index = static_cast<std::size_t>(&pes - report_.pes.data());
    const std::size_t length = header_sizes_[index] + pes.payload.size();
    if (pes.declared_length != 0 && pes.declared_length != length) {
      fault("PES of PID {} says {} bytes and has {}", pes.pid, pes.declared_length, length);
    }
    if (pes.declared_length == 0 && pes.stream_id != 0xe0) fault("PES without length that is not video");
    if (!pes.clock) return fault("PES before the first PCR");
    const std::int64_t lead = distance(*pes.clock, pes.dts);
    if (lead < 0) fault("DTS {} is {} ms after its time", pes.dts, -lead / 90);
    if (lead > 90L * 4000) fault("DTS {} is {} ms ahead", pes.dts, lead / 90);
  }

  TsReport report_;
  std::map<std::uint16_t, std::uint8_t> continuity_;
  std::map<std::uint16_t, std::size_t> open_;
  std::map<std::size_t, std::size_t> header_sizes_;
  std::optional<std::uint64_t> table_pcr_;
  std::uint16_t pmt_pid_ = 0xffff;
  bool random_access_ = false;
  bool discontinuity_ = false;
};

}  // namespace holdfast::container::test
