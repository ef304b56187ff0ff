#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/page.hpp"
#include "archive/sqlite.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "storage/scan.hpp"

namespace holdfast::archive {

// What the folder said of a journal when it was read: another size or time later means that it must be read
// again.
struct JournalState {
  std::uint64_t size = 0;
  WallTime modified{};
  bool operator==(const JournalState&) const = default;
};

// A journal in the index: its recording, or why it could not be read.
struct IndexedJournal {
  std::string name;
  JournalState state;
  std::string problem{};                  // empty: none
  storage::RecordingSummary recording{};  // unless there is a problem
};

// What must be known of an indexed journal to see whether the folder is as it was.
struct KnownJournal {
  JournalState state;
  bool is_settled = false;                   // its recording has ended: it changes no more by itself
  std::vector<storage::RecordedPart> parts;  // of settled ones; `path` is the name alone
};

// The rows of the catalog: SQLite tables, one row a journal, one a part. One thread. Errors: unavailable
// (busy, full, not to be written), invalid (damaged: to be deleted). The rows can always be made again.
class Index {
 public:
  // Of tables and columns as they are now; PRAGMA user_version of the file.
  static constexpr int schema_version = 1;
  static constexpr const char* memory = ":memory:";

  // `folder`: of the recordings. Makes the tables where there are none or older ones. Errors also: conflict
  // (a newer program made it; it is left alone).
  static Result<std::unique_ptr<Index>> open(const std::string& path, const std::string& folder);

  Result<std::map<std::string, KnownJournal>> known();
  // All of them or none, together.
  Result<void> change(const std::vector<IndexedJournal>& put, const std::vector<std::string>& erase);

  Result<Page> page(const Query& query);
  // More than one only where files were copied.
  Result<std::vector<storage::RecordingSummary>> find(std::string_view recording_id);

 private:
  Index(Database database, std::string prefix) : database_(std::move(database)), prefix_(std::move(prefix)) {}
  Result<void> prepare();
  Result<void> put(const IndexedJournal& journal);
  Result<void> erase(const std::string& name);
  Result<storage::RecordingSummary> read_row(const Statement& row);
  Result<std::vector<storage::RecordingSummary>> read_rows(Statement& rows);
  Result<std::vector<storage::RecordedPart>> read_parts(const std::string& journal);
  Result<std::uint64_t> count(const std::string& mint_id);
  Result<std::vector<std::string>> problems();

  Database database_;
  const std::string prefix_;  // the folder, with its slash
  Statement put_, put_part_, erase_, erase_parts_, page_, parts_, find_, count_, problems_, known_;
};

}  // namespace holdfast::archive
