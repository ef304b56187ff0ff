#include "audit/annexb_reader.hpp"

#include <algorithm>

#include "codec/bit_reader.hpp"

namespace holdfast::audit {
namespace {

// Table 7-6: 1 and 6 are B.
bool is_b_slice(Bytes nal) {
  codec::BitReader bits(nal.subspan(1));
  bits.read_unsigned();  // first_mb_in_slice
  return bits.read_unsigned() % 5 == 1 && bits.ok();
}

}  // namespace

void AnnexBReader::feed(Bytes bytes) {
  rest_.insert(rest_.end(), bytes.begin(), bytes.end());
  std::size_t begin = 0;  // of the unit that is read, behind its start code
  std::size_t at = searched_;
  while (at + 3 <= rest_.size()) {
    const auto one = std::find(rest_.begin() + static_cast<std::ptrdiff_t>(at) + 2, rest_.end(), 1);
    if (one == rest_.end()) {
      at = rest_.size() - 2;
      break;
    }
    const auto found = static_cast<std::size_t>(one - rest_.begin());
    if (rest_[found - 1] != 0 || rest_[found - 2] != 0) {
      at = found - 1;
      continue;
    }
    Bytes nal = Bytes(rest_).subspan(begin, found - 2 - begin);
    while (!nal.empty() && nal.back() == 0) nal = nal.first(nal.size() - 1);
    if (in_nal_) {
      take_nal(nal);
    } else {
      left_out_ += nal.size();
    }
    in_nal_ = true;
    begin = at = found + 1;
  }
  rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(begin));
  searched_ = std::max(at, begin) - begin;
  if (rest_.size() <= max_unit) return;
  // No unit is as long.
  left_out_ += rest_.size();
  rest_.clear();
  searched_ = 0;
  in_nal_ = false;
}

void AnnexBReader::finish() {
  Bytes nal = rest_;
  while (!nal.empty() && nal.back() == 0) nal = nal.first(nal.size() - 1);
  if (in_nal_) {
    take_nal(nal);
  } else {
    left_out_ += nal.size();
  }
  rest_.clear();
  end_unit();
}

void AnnexBReader::take_nal(Bytes nal) {
  if (nal.empty()) return;
  if ((nal[0] & 0x80) != 0 || unit_.size() + nal.size() > max_unit) {  // forbidden_zero_bit
    left_out_ += nal.size();
    return;
  }
  const codec::NalType type = codec::nal_type(nal);
  const auto slice = codec::SliceHeader::parse(nal);
  if (codec::is_slice(type) && !slice) {
    left_out_ += nal.size();
    return;
  }
  const bool leads = type == codec::NalType::aud || type == codec::NalType::sps ||
                     type == codec::NalType::pps || type == codec::NalType::sei ||
                     (slice && slice->first_macroblock == 0);
  if (leads && has_slice_) end_unit();
  if (type == codec::NalType::sps) {
    if (auto parsed = codec::Sps::parse(nal)) {
      sps_ = parsed;
      if (sps_nal_.empty()) sps_nal_.assign(nal.begin(), nal.end());
    }
  }
  if (type == codec::NalType::pps && pps_nal_.empty()) pps_nal_.assign(nal.begin(), nal.end());
  codec::append_annex_b(nal, unit_);
  has_slice_ |= slice.has_value();
  has_idr_ |= type == codec::NalType::idr;
  is_bidirectional_ |= slice && is_b_slice(nal);
}

void AnnexBReader::end_unit() {
  if (has_slice_) {
    take_({unit_, has_idr_ ? media::Picture::key : media::Picture::delta, is_bidirectional_});
  } else {
    left_out_ += unit_.size();
  }
  unit_.clear();
  has_slice_ = has_idr_ = is_bidirectional_ = false;
}

ByteVector AnnexBReader::parameter_sets() const {
  ByteVector sets;
  if (sps_nal_.empty() || pps_nal_.empty()) return sets;
  codec::append_annex_b(sps_nal_, sets);
  codec::append_annex_b(pps_nal_, sets);
  return sets;
}

}  // namespace holdfast::audit
