#include "app/follow_file.hpp"

#include <boost/json.hpp>
#include <set>
#include <utility>

#include "base/bytes.hpp"
#include "control/start_request_json.hpp"

namespace holdfast::app {
namespace {

namespace json = boost::json;

constexpr int version = 1;
constexpr std::uint64_t max_bytes = 64 << 20;

std::string serialize(const std::vector<KeptFollow>& follows) {
  // One line each: people read and mend it.
  std::string text = "{\"version\": " + std::to_string(version) + ", \"follows\": [";
  std::string_view separator = "\n";
  for (const KeptFollow& kept : follows) {
    json::object object{{"request", control::to_json(kept.request)}};
    if (kept.held) object["stopped_by_hand"] = true;
    if (!kept.last_recording_id.empty()) object["last_recording_id"] = kept.last_recording_id;
    text.append(separator).append(json::serialize(object));
    separator = ",\n";
  }
  return text + "\n]}\n";
}

Result<KeptFollow> read_follow(const json::value& value) {
  const json::object* object = value.if_object();
  const json::value* request = object == nullptr ? nullptr : object->if_contains("request");
  if (request == nullptr) return fail(ErrorCode::invalid, "has no request");
  auto parsed = control::parse_follow_request({}, json::serialize(*request));
  if (!parsed) return fail(ErrorCode::invalid, "has an invalid request: {}", parsed.error().message);
  KeptFollow kept{.request = std::move(*parsed), .held = false, .last_recording_id = {}};
  if (const json::value* held = object->if_contains("stopped_by_hand")) {
    if (!held->is_bool()) return fail(ErrorCode::invalid, "has a stopped_by_hand that is not true or false");
    kept.held = held->get_bool();
  }
  if (const json::value* id = object->if_contains("last_recording_id")) {
    if (!id->is_string()) return fail(ErrorCode::invalid, "has a last_recording_id that is not a string");
    kept.last_recording_id = id->get_string().c_str();
  }
  return kept;
}

// All that can be read, and in `problem` the first thing that cannot.
FollowFile::Loaded read_all(std::string_view text) {
  FollowFile::Loaded loaded;
  json::error_code error;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) {
    loaded.problem = "the file is not JSON: " + error.message();
    return loaded;
  }
  const json::object* object = value.if_object();
  const json::value* found = object == nullptr ? nullptr : object->if_contains("version");
  if (found == nullptr || *found != version) {
    loaded.problem = fmt::format("the file does not have version {}", version);
    return loaded;
  }
  const json::value* list = object->if_contains("follows");
  if (list == nullptr || !list->is_array()) {
    loaded.problem = "the file has no list \"follows\"";
    return loaded;
  }
  std::set<std::string> seen;
  std::size_t number = 0;
  for (const json::value& element : list->get_array()) {
    ++number;
    auto kept = read_follow(element);
    if (kept && !seen.insert(kept->request.mint_id).second) {
      kept = fail(ErrorCode::invalid, "repeats {}, which is already in the list", kept->request.mint_id);
    }
    if (kept) {
      loaded.follows.push_back(std::move(*kept));
    } else if (loaded.problem.empty()) {
      loaded.problem = fmt::format("entry {} {}", number, kept.error().message);
    }
  }
  return loaded;
}

}  // namespace

FollowFile::FollowFile(Disk& disk, const std::string& recordings)
    : disk_(disk), folder_(recordings + "/.holdfast"), path_(folder_ + "/follows.json") {}

Result<FollowFile::Loaded> FollowFile::load(WallTime now) {
  const auto bytes = disk_.read(path_, 0, max_bytes);
  if (!bytes) {
    if (bytes.error().code == ErrorCode::not_found) return Loaded{};
    return std::unexpected(bytes.error());
  }
  if (auto locked = take_lock(); !locked) return std::unexpected(std::move(locked.error()));
  Loaded loaded = read_all(as_text(*bytes));
  if (loaded.problem.empty()) return loaded;
  const std::string aside = fmt::format("{}.broken-{}", path_, format_compact(now));
  if (auto renamed = disk_.rename(path_, aside); !renamed) return std::unexpected(std::move(renamed.error()));
  loaded.problem = fmt::format(
      "cannot read all of {} ({}). The file was renamed to {}; {} followed streams were read from it. Follow "
      "the missing streams again, or correct the file and restore it",
      path_, loaded.problem, aside, loaded.follows.size());
  if (loaded.follows.empty()) return loaded;
  if (auto saved = save(loaded.follows); !saved) return std::unexpected(std::move(saved.error()));
  owner_.release();  // the later saves are another thread's
  return loaded;
}

Result<void> FollowFile::take_lock() {
  if (lock_) return {};
  const std::string path = folder_ + "/follows.lock";
  auto file = disk_.create(path);
  if (!file && file.error().code == ErrorCode::conflict) file = disk_.open(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto locked = (*file)->lock(); !locked) {
    if (locked.error().code != ErrorCode::conflict) return locked;
    return fail(
        ErrorCode::conflict,
        "{} is in use by another holdfast process: stop that process, or use another folder for recordings",
        path_);
  }
  lock_ = std::move(*file);
  return {};
}

Result<void> FollowFile::save(const std::vector<KeptFollow>& follows) {
  owner_.check();
  const std::string fresh = path_ + ".new";
  if (auto made = disk_.make_directories(folder_); !made) return made;
  if (auto locked = take_lock(); !locked) return locked;
  // What a save that was cut short left behind.
  if (auto removed = disk_.remove(fresh); !removed && removed.error().code != ErrorCode::not_found) {
    return removed;
  }
  auto file = disk_.create(fresh);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto written = (*file)->append(as_bytes(serialize(follows))); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  file->reset();
  return disk_.rename(fresh, path_);
}

}  // namespace holdfast::app
