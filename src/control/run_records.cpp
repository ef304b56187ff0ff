#include "control/run_records.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "base/bytes.hpp"
#include "control/start_request_json.hpp"
#include "storage/scan.hpp"

namespace holdfast::control {
namespace {

namespace json = boost::json;

constexpr int version = 1;
constexpr std::uint64_t max_bytes = 256 << 10;
constexpr std::string_view extension = ".json";
constexpr std::array<std::string_view, 3> source_names{"livekit", "whip", "watch"};

std::string serialize(const RunRecord& record) {
  return json::serialize(json::object{{"version", version},
                                      {"recording_id", record.recording_id},
                                      {"source", source_names[static_cast<std::size_t>(record.source)]},
                                      {"request", to_json(record.request)},
                                      {"options", to_json(record.options)}}) +
         "\n";
}

Result<RunRecord> parse(std::string_view text) {
  json::error_code error;
  const json::value value = json::parse({text.data(), text.size()}, error);
  const json::object* object = error ? nullptr : value.if_object();
  const auto text_of = [&](std::string_view name) -> std::string {
    const json::value* found = object == nullptr ? nullptr : object->if_contains({name.data(), name.size()});
    const json::string* string = found == nullptr ? nullptr : found->if_string();
    return string == nullptr ? std::string() : std::string(string->data(), string->size());
  };
  const json::value* kind = object == nullptr ? nullptr : object->if_contains("version");
  const json::value* request = object == nullptr ? nullptr : object->if_contains("request");
  if (kind == nullptr || *kind != version || request == nullptr) {
    return fail(ErrorCode::invalid, "does not have version {}, or is incomplete", version);
  }
  auto parsed = parse_start_request({}, json::serialize(*request));
  if (!parsed) return fail(ErrorCode::invalid, "has an invalid request: {}", parsed.error().message);
  RunRecord record{.recording_id = text_of("recording_id"), .request = std::move(*parsed)};
  const auto source = std::ranges::find(source_names, text_of("source"));
  if (record.recording_id.empty() || source == source_names.end()) {
    return fail(ErrorCode::invalid, "does not name its recording");
  }
  record.source = static_cast<RunRecord::Source>(source - source_names.begin());
  if (const json::value* options = object->if_contains("options");
      options != nullptr && options->is_object()) {
    auto saved = parse_saved_options(options->get_object());
    if (!saved) return fail(ErrorCode::invalid, "has invalid options: {}", saved.error().message);
    record.options = std::move(*saved);
  }
  return record;
}

}  // namespace

RunRecords::RunRecords(Disk& disk, const std::string& recordings)
    : disk_(disk), folder_(storage::folder_prefix(recordings) + ".holdfast/running") {}

Result<RunRecords::Lock> RunRecords::save(const RunRecord& record) {
  saver_.check();
  if (auto made = disk_.make_directories(folder_); !made) return std::unexpected(std::move(made.error()));
  if (auto closed = disk_.make_private(folder_); !closed) return std::unexpected(std::move(closed.error()));
  auto file = disk_.create(path(record.recording_id));
  if (!file) return std::unexpected(std::move(file.error()));
  const std::string text = serialize(record);
  auto done = (*file)->lock();
  if (done) done = (*file)->append(as_bytes(text));
  if (done) done = (*file)->sync();
  if (!done) return std::unexpected(std::move(done.error()));
  return Lock(*std::move(file));
}

Result<RunRecords::Found> RunRecords::take_over() {
  Found found;
  const auto entries = disk_.list(folder_);
  if (!entries) {
    if (entries.error().code == ErrorCode::not_found) return found;
    return std::unexpected(entries.error());
  }
  for (const DirectoryEntry& entry : *entries) {
    if (entry.is_directory || !entry.name.ends_with(extension)) continue;
    const std::string path = folder_ + "/" + entry.name;
    auto file = disk_.open(path);
    if (!file || !(*file)->lock()) continue;  // gone, or another process's
    const auto bytes = disk_.read(path, 0, max_bytes);
    auto record = bytes ? parse(as_text(*bytes)) : Result<RunRecord>(std::unexpected(bytes.error()));
    if (record) {
      found.taken.push_back({std::move(*record), std::move(*file)});
      continue;
    }
    found.problems.push_back(path + " " + record.error().message);
    if (auto aside = disk_.rename(path, path + ".broken"); !aside)
      found.problems.push_back(aside.error().message);
  }
  return found;
}

Result<void> RunRecords::forget(const std::string& recording_id) {
  auto removed = disk_.remove(path(recording_id));
  if (!removed && removed.error().code == ErrorCode::not_found) return {};
  return removed;
}

}  // namespace holdfast::control
