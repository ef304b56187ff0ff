#include "audit/repair.hpp"

#include <algorithm>
#include <utility>

#include "audit/repair_job.hpp"
#include "storage/naming.hpp"
#include "storage/scan.hpp"

namespace holdfast::audit {
namespace {

bool is_annex_b(Bytes head) {
  std::size_t at = 0;
  while (at < head.size() && head[at] == 0) ++at;
  return at >= 2 && at + 1 < head.size() && head[at] == 1 && (head[at + 1] & 0x80) == 0;
}

}  // namespace

Path Path::of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const std::string name = path.substr(folder.size());
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0) return {folder, name, ""};
  return {folder, name.substr(0, dot), name.substr(dot)};
}

Result<RepairReport> RepairJob::run() {
  if (storage::base_of_journal(input_.file())) {
    return fail(ErrorCode::invalid, "{} is a journal: name the media file to repair", options_.input);
  }
  if (auto found = look_at_input(); !found) return std::unexpected(found.error());
  const auto head = disk_.read(options_.input, 0, 1 << 16);
  if (!head) return std::unexpected(head.error());
  if (const auto format = recognise(*head)) {
    format_ = *format;
  } else if (is_annex_b(*head)) {
    raw_ = true;
  } else {
    return fail(ErrorCode::invalid, "{} is not MPEG-TS, MP4, Matroska or raw H.264", options_.input);
  }
  if (auto judged = judge_input(); !judged) return std::unexpected(judged.error());
  if (auto named = name_output(); !named) return std::unexpected(named.error());
  if (auto made = make(); !made) return std::unexpected(made.error());
  report_.output_bytes = output_->size();
  report_.structure = output_->structure();
  if (!report_.structure.first) {
    return fail(ErrorCode::invalid, "{} has no complete frame: nothing can be salvaged", options_.input);
  }
  if (auto finished = output_->finish(); !finished) return std::unexpected(finished.error());
  report_.structure = output_->structure();
  if (auto written = write_journal(); !written) return std::unexpected(written.error());
  return std::move(report_);
}

Result<void> RepairJob::look_at_input() {
  const auto targets = find_targets(disk_, options_.input);
  if (!targets) return std::unexpected(targets.error());
  target_ = targets->at(0);
  if (targets->size() != 1 || (target_.journal.empty() && target_.file != input_.file())) {
    return fail(ErrorCode::invalid, "{} is a folder: name the file to repair", options_.input);
  }
  const auto sizes = list_files(disk_, input_.folder);
  if (!sizes) return std::unexpected(sizes.error());
  const auto size = sizes->find(input_.file());
  if (size == sizes->end()) return fail(ErrorCode::not_found, "{}: no such file", options_.input);
  report_.input_bytes = size->second;
  if (target_.journal.empty()) return {};
  const std::string journal = target_.folder + target_.journal;
  if (storage::is_locked(disk_, journal)) {
    return fail(ErrorCode::conflict, "{} is being recorded: repair it after the recording has ended",
                options_.input);
  }
  Findings ignored;
  auto checked = check_journal(disk_, journal, ignored);
  if (!checked) return std::unexpected(checked.error());
  journal_ = std::move(checked->state);
  journal_path_ = journal;
  if (const journal::PartState* part = journal_->find_part(input_.file())) near_ = part->pts;
  return {};
}

Result<void> RepairJob::each_piece(std::uint64_t from, std::uint64_t to,
                                   const std::function<Result<void>(Bytes)>& take) {
  for (std::uint64_t at = from; at < to;) {
    const auto bytes = disk_.read(options_.input, at, std::min(piece, to - at));
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->empty()) break;
    if (auto taken = take(*bytes); !taken) return taken;
    at += bytes->size();
    if (progress_) progress_(at, report_.input_bytes);
  }
  return {};
}

// What is wrong with it, and which bytes of MP4 and Matroska are whole.
Result<void> RepairJob::judge_input() {
  if (raw_) return {};
  Findings findings;
  const auto reader = make_structure_reader(format_, findings, options_.input,
                                            journal_ ? Rules::ours : Rules::anybodys, near_);
  reader->on_keep([this](std::uint64_t from, std::uint64_t to) {
    if (!kept_.empty() && kept_.back().second == from) {
      kept_.back().second = to;
    } else {
      kept_.emplace_back(from, to);
    }
  });
  auto read = each_piece(0, report_.input_bytes, [&](Bytes bytes) -> Result<void> {
    reader->feed(bytes);
    return {};
  });
  if (!read) return read;
  reader->finish(Ending::whole);
  sound_ = findings.faults() == 0;
  judged_ = reader->structure();
  if (journal_) find_changed();
  return {};
}

// A bit that is wrong within a picture breaks no structure: only the old checksums know of it, and the new
// file has it too.
void RepairJob::find_changed() {
  const Report report = verify(disk_, target_);
  for (const Finding& finding : report.findings.listed()) {
    if (finding.what != What::checksum || finding.file != options_.input) continue;
    changed_.push_back(finding);
    report_.remarks.push_back(
        fmt::format("bytes {} to {} of the input were changed after they were written; playable media in "
                    "this range was kept",
                    *finding.from, *finding.to));
  }
}

// Names and whether they are free.
Result<void> RepairJob::name_output() {
  report_.only_journal = sound_ && !raw_ && options_.output.empty() && !journal_;
  const std::string extension(container::file_extension(format_));
  if (report_.only_journal) {
    output_path_ = input_;
  } else if (!options_.output.empty()) {
    output_path_ = Path::of(options_.output);
    if (output_path_.extension != '.' + extension) {
      return fail(ErrorCode::invalid, "the name of the output must end in .{}", extension);
    }
  } else {
    output_path_ = {input_.folder, input_.stem + "_repaired", '.' + extension};
  }
  report_.output = output_path_.folder + output_path_.file();
  report_.journal = output_path_.folder + storage::journal_name(output_path_.stem);
  if (!report_.only_journal) {
    if (report_.output == options_.input) {
      return fail(ErrorCode::conflict, "{} is the input, which repair never changes: choose another name",
                  report_.output);
    }
    if (auto free = make_room(report_.output); !free) return free;
  }
  return make_room(report_.journal);
}

Result<void> RepairJob::make_room(const std::string& path) {
  if (!disk_.read(path, 0, 1)) return {};
  if (!options_.overwrite) {
    return fail(ErrorCode::conflict, "{} exists: choose another name, or replace it (--overwrite)", path);
  }
  if (journal_ && path == journal_path_) {
    return fail(ErrorCode::conflict,
                "{} is the journal of the input, which repair never changes: choose another name", path);
  }
  return {};
}

std::unique_ptr<StructureReader> RepairJob::reader_of_output() {
  return make_structure_reader(format_, of_output_, report_.output, Rules::anybodys, near_);
}

Result<void> RepairJob::make() {
  report_.format = container::to_string(format_);
  const bool needs_index = format_ == container::Format::mp4 && judged_.has_index && !sound_ && !raw_;
  if (needs_index) return make_mp4_anew();
  output_ = std::make_unique<NewFile>(disk_, report_.output, reader_of_output());
  if (report_.only_journal) return copy(0, report_.input_bytes);
  if (auto created = output_->create(); !created) return created;
  if (raw_) return mux_raw();
  if (sound_) return copy(0, report_.input_bytes);
  return format_ == container::Format::mpegts ? repair_ts() : copy_kept();
}

Result<void> RepairJob::copy(std::uint64_t from, std::uint64_t to) {
  return each_piece(from, to, [this](Bytes bytes) { return output_->append(bytes); });
}

void RepairJob::left_out(LeftOut&& range) {
  ++report_.left_out_count;
  report_.left_out_bytes += range.to - range.from;
  if (report_.left_out.size() < RepairReport::max_left_out) report_.left_out.push_back(std::move(range));
}

Result<RepairReport> repair(Disk& disk, const RepairOptions& options, const VerifyProgress& progress) {
  return RepairJob(disk, options, progress).run();
}

}  // namespace holdfast::audit
