#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "journal/append.hpp"
#include "journal/line.hpp"
#include "journal/reader.hpp"
#include "sim/sim_disk.hpp"
#include "storage/naming.hpp"

namespace holdfast::archive {

// A folder of recordings on a simulated disk, with a folder of the same name for what SQLite keeps.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-archive-XXXXXX").string();
    path = mkdtemp(pattern.data());
    if (!disk.make_directories(path)) std::abort();
  }
  ~TestFolder() { std::filesystem::remove_all(path); }

  // A recording that is being recorded, and its first part. Gives its base name.
  std::string begin(const std::string& mint_id, WallTime start) {
    const std::string base = storage::base_name(mint_id, start);
    create(storage::journal_name(base), {});
    lock(base);
    wall = start;
    note(base, journal::StartEvent{.recording_id = base, .mint_id = mint_id, .format = "mpegts"});
    add_part(base, 1);
    return base;
  }
  void add_part(const std::string& base, int number, std::size_t bytes = 100) {
    const std::string name = storage::part_name(base, number, "ts");
    note(base, journal::PartEvent{
                   .number = number, .file = name, .format = "mpegts", .reason = journal::PartReason::start});
    create(name, ByteVector(bytes, 'm'));
  }
  void note(const std::string& base, journal::Event event) {
    ByteVector line;
    journal::serialize({.number = ++lines_[base], .wall = wall, .pts = 0, .event = std::move(event)}, line);
    append(storage::journal_name(base), line);
  }
  void end(const std::string& base) {
    note(base, journal::EndEvent{.reason = journal::EndReason::stopped, .duration = 1.5});
    recorders_.erase(base);
  }
  void interrupt(const std::string& base) { recorders_.erase(base); }
  void lock(const std::string& base) {
    auto file = disk.open(at(storage::journal_name(base)));
    if (!file || !(*file)->lock()) std::abort();
    recorders_[base] = std::move(*file);
  }
  // A whole recording that ended then, with a part of so many bytes.
  std::string add_ended(const std::string& mint_id, WallTime at_time, std::size_t bytes = 100) {
    const std::string base = begin(mint_id, at_time);
    append(storage::part_name(base, 1, "ts"), ByteVector(bytes - 100, 'm'));
    end(base);
    return base;
  }
  void protect(const std::string& base, bool on = true) {
    if (!journal::append(disk, at(storage::journal_name(base)), journal::ProtectEvent{on}, wall)) {
      std::abort();
    }
  }

  void create(const std::string& name, Bytes bytes) {
    if (!disk.create(at(name))) std::abort();
    append(name, bytes);
  }
  void append(const std::string& name, Bytes bytes) {
    auto file = disk.open(at(name));
    if (!file || !(*file)->append(bytes) || !(*file)->sync()) std::abort();
  }
  void remove(const std::string& name) {
    if (!disk.remove(at(name))) std::abort();
  }
  bool has(const std::string& name) const { return disk.exists(path + '/' + name); }
  std::string at(const std::string& name) const { return path + '/' + name; }

  std::string path;
  sim::SimDisk disk;
  WallTime wall{std::chrono::milliseconds(1'795'365'901'250)};  // of what is noted next

 private:
  std::map<std::string, std::uint64_t> lines_;
  std::map<std::string, std::unique_ptr<File>> recorders_;
};

}  // namespace holdfast::archive
