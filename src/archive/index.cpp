#include "archive/index.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace holdfast::archive {
namespace {

using storage::RecordedPart;
using storage::RecordingEnd;
using storage::RecordingSummary;

constexpr const char* drop_tables = "DROP TABLE IF EXISTS parts; DROP TABLE IF EXISTS journals;";
// Times are milliseconds since 1970, but for `modified`: nanoseconds. A journal without a recording has a
// problem.
constexpr const char* make_tables = R"(
CREATE TABLE journals(
  name TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, problem TEXT NOT NULL,
  recording_id TEXT NOT NULL, mint_id TEXT NOT NULL, participant TEXT NOT NULL,
  start_time INTEGER NOT NULL, end_time INTEGER, state TEXT NOT NULL, end_reason TEXT NOT NULL, duration REAL,
  protected INTEGER NOT NULL, gaps INTEGER NOT NULL, gap_time INTEGER NOT NULL,
  packets_lost INTEGER NOT NULL, frames_lost INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX journals_by_time ON journals(start_time, name);
CREATE INDEX journals_by_mint_id ON journals(mint_id, start_time, name);
CREATE INDEX journals_by_recording ON journals(recording_id);
CREATE TABLE parts(
  journal TEXT NOT NULL, position INTEGER NOT NULL, file TEXT NOT NULL, format TEXT NOT NULL,
  bytes INTEGER NOT NULL, missing INTEGER NOT NULL, PRIMARY KEY(journal, position)) WITHOUT ROWID;
)";

constexpr std::string_view columns =
    "name, recording_id, mint_id, participant, start_time, end_time, state, end_reason, duration, protected, "
    "gaps, gap_time, packets_lost, frames_lost";

std::string_view to_text(RecordingEnd end) {
  switch (end) {
    case RecordingEnd::active:
      return "active";
    case RecordingEnd::interrupted:
      return "interrupted";
    case RecordingEnd::ended:
      break;
  }
  return "ended";
}

RecordingEnd to_end(std::string_view text) {
  if (text == "active") return RecordingEnd::active;
  return text == "ended" ? RecordingEnd::ended : RecordingEnd::interrupted;
}

std::int64_t to_milliseconds_since_1970(WallTime time) {
  return to_milliseconds(time.time_since_epoch());
}
WallTime from_milliseconds(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

std::int64_t to_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::uint64_t to_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

std::string_view without(std::string_view prefix, std::string_view path) {
  if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
  return path;
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::string& path, const std::string& folder) {
  auto database = Database::open(path);
  if (!database) return std::unexpected(std::move(database.error()));
  const auto version = database->value("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  const int found = std::atoi(version->c_str());
  if (found > schema_version) {
    return fail(ErrorCode::conflict,
                "{} was written by a newer holdfast (schema {}, this version supports {}): use that version",
                path, found, schema_version);
  }
  const auto check = database->value("PRAGMA quick_check(1)");
  if (!check) return std::unexpected(check.error());
  if (*check != "ok") return fail(ErrorCode::invalid, "{}: {}", path, *check);
  // Readers of this process and of others never wait for a writer. What a power cut takes is read again.
  auto done = database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  // Another process may make the tables at the same time: one of them does.
  if (done && found < schema_version) {
    done = database->execute("BEGIN IMMEDIATE");
    const auto now = done ? database->value("PRAGMA user_version") : *version;
    if (done && now && *now != std::to_string(schema_version)) {
      done = database->execute(
          fmt::format("{} {} PRAGMA user_version = {};", drop_tables, make_tables, schema_version));
    }
    if (done) done = database->execute("COMMIT");
  }
  if (!done) return std::unexpected(std::move(done.error()));
  std::unique_ptr<Index> index(new Index(std::move(*database), storage::folder_prefix(folder)));
  // Of this version, but without the tables: somebody else's work.
  if (auto prepared = index->prepare(); !prepared) {
    return fail(ErrorCode::invalid, "{}", prepared.error().message);
  }
  return index;
}

Result<void> Index::prepare() {
  const std::pair<Statement*, std::string> statements[] = {
      {&put_, fmt::format("INSERT OR REPLACE INTO journals({}, size, modified, problem) "
                          "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                          columns)},
      {&put_part_, "INSERT INTO parts(journal, position, file, format, bytes, missing) VALUES(?,?,?,?,?,?)"},
      {&erase_, "DELETE FROM journals WHERE name = ?"},
      {&erase_parts_, "DELETE FROM parts WHERE journal = ?"},
      {&page_, fmt::format("SELECT {} FROM journals WHERE problem = '' AND (?1 = '' OR mint_id = ?1) "
                           "AND (start_time, name) < (?2, ?3) ORDER BY start_time DESC, name DESC LIMIT ?4",
                           columns)},
      {&parts_, "SELECT file, format, bytes, missing FROM parts WHERE journal = ? ORDER BY position"},
      {&find_,
       fmt::format("SELECT {} FROM journals WHERE problem = '' AND recording_id = ? ORDER BY name", columns)},
      {&count_, "SELECT count(*) FROM journals WHERE problem = '' AND (?1 = '' OR mint_id = ?1)"},
      {&problems_, "SELECT problem FROM journals WHERE problem <> '' ORDER BY name"},
      {&known_, "SELECT name, size, modified, state = 'ended' AND problem = '' FROM journals"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return std::unexpected(std::move(prepared.error()));
    *statement = std::move(*prepared);
  }
  return {};
}

Result<std::map<std::string, KnownJournal>> Index::known() {
  std::map<std::string, KnownJournal> journals;
  known_.reset();
  while (true) {
    const auto row = known_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    journals.emplace(known_.text(0), KnownJournal{.state = {to_unsigned(known_.integer(1)),
                                                            WallTime(Duration(known_.integer(2)))},
                                                  .is_settled = known_.integer(3) != 0,
                                                  .parts = {}});
  }
  known_.reset();
  auto all = database_.prepare("SELECT journal, file, bytes, missing FROM parts ORDER BY journal, position");
  if (!all) return std::unexpected(std::move(all.error()));
  while (true) {
    const auto row = all->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return journals;
    const auto journal = journals.find(all->text(0));
    if (journal == journals.end() || !journal->second.is_settled) continue;
    journal->second.parts.push_back({.path = all->text(1),
                                     .format = {},
                                     .bytes = to_unsigned(all->integer(2)),
                                     .missing = all->integer(3) != 0});
  }
}

Result<void> Index::change(const std::vector<IndexedJournal>& put, const std::vector<std::string>& erase) {
  // At once a writer, so that it cannot find out halfway that another one is faster.
  if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  Result<void> done;
  for (const IndexedJournal& journal : put) {
    if (done) done = this->put(journal);
  }
  for (const std::string& name : erase) {
    if (done) done = this->erase(name);
  }
  if (done) done = database_.execute("COMMIT");
  if (done) return done;
  // Some errors have ended the transaction already; then this one says so, and nothing else.
  if (const auto rolled_back = database_.execute("ROLLBACK"); !rolled_back) return done;
  return done;
}

Result<void> Index::put(const IndexedJournal& journal) {
  if (auto erased = erase(journal.name); !erased) return erased;
  const RecordingSummary& recording = journal.recording;
  put_.reset();
  put_.bind(journal.name).bind(recording.recording_id).bind(recording.mint_id).bind(recording.participant);
  put_.bind(to_milliseconds_since_1970(recording.start_time));
  if (recording.end_time) {
    put_.bind(to_milliseconds_since_1970(*recording.end_time));
  } else {
    put_.bind_null();
  }
  put_.bind(to_text(recording.end))
      .bind(recording.end_reason ? to_string(*recording.end_reason) : std::string_view());
  if (recording.duration) {
    put_.bind(*recording.duration);
  } else {
    put_.bind_null();
  }
  put_.bind(std::int64_t{recording.is_protected});
  put_.bind(to_signed(recording.gaps)).bind(std::int64_t{recording.gap_time.count()});
  put_.bind(to_signed(recording.packets_lost)).bind(to_signed(recording.frames_lost));
  put_.bind(to_signed(journal.state.size))
      .bind(std::int64_t{journal.state.modified.time_since_epoch().count()});
  put_.bind(journal.problem);
  if (auto done = put_.run(); !done) return done;
  std::int64_t position = 0;
  for (const RecordedPart& part : recording.parts) {
    put_part_.reset().bind(journal.name).bind(position++).bind(without(prefix_, part.path)).bind(part.format);
    put_part_.bind(to_signed(part.bytes)).bind(std::int64_t{part.missing});
    if (auto done = put_part_.run(); !done) return done;
  }
  return {};
}

Result<void> Index::erase(const std::string& name) {
  if (auto done = erase_.reset().bind(name).run(); !done) return done;
  return erase_parts_.reset().bind(name).run();
}

Result<std::vector<RecordedPart>> Index::read_parts(const std::string& journal) {
  std::vector<RecordedPart> parts;
  parts_.reset().bind(journal);
  while (true) {
    const auto row = parts_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    parts.push_back({.path = prefix_ + parts_.text(0),
                     .format = parts_.text(1),
                     .bytes = to_unsigned(parts_.integer(2)),
                     .missing = parts_.integer(3) != 0});
  }
  parts_.reset();
  return parts;
}

Result<RecordingSummary> Index::read_row(const Statement& row) {
  const std::string name = row.text(0);
  auto parts = read_parts(name);
  if (!parts) return std::unexpected(std::move(parts.error()));
  RecordingSummary recording{.recording_id = row.text(1),
                             .mint_id = row.text(2),
                             .participant = row.text(3),
                             .start_time = from_milliseconds(row.integer(4)),
                             .parts = std::move(*parts),
                             .end = to_end(row.text(6)),
                             .is_protected = row.integer(9) != 0,
                             .gaps = to_unsigned(row.integer(10)),
                             .gap_time = Duration(row.integer(11)),
                             .packets_lost = to_unsigned(row.integer(12)),
                             .frames_lost = to_unsigned(row.integer(13)),
                             .journal_path = prefix_ + name};
  if (const std::string reason = row.text(7); !reason.empty()) {
    recording.end_reason = journal::parse_end_reason(reason);
  }
  if (!row.is_null(5)) recording.end_time = from_milliseconds(row.integer(5));
  if (!row.is_null(8)) recording.duration = row.real(8);
  return recording;
}

Result<std::vector<RecordingSummary>> Index::read_rows(Statement& rows) {
  std::vector<RecordingSummary> recordings;
  while (true) {
    const auto row = rows.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    auto recording = read_row(rows);
    if (!recording) return std::unexpected(std::move(recording.error()));
    recordings.push_back(*std::move(recording));
  }
  rows.reset();
  return recordings;
}

Result<std::uint64_t> Index::count(const std::string& mint_id) {
  const auto row = count_.reset().bind(mint_id).step();
  if (!row) return std::unexpected(row.error());
  const std::uint64_t total = to_unsigned(count_.integer(0));
  count_.reset();
  return total;
}

Result<std::vector<std::string>> Index::problems() {
  std::vector<std::string> all;
  problems_.reset();
  while (true) {
    const auto row = problems_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    all.push_back(problems_.text(0));
  }
  problems_.reset();
  return all;
}

Result<Page> Index::page(const Query& query) {
  // One more than asked for tells whether there is another page.
  const std::int64_t limit = query.limit ? static_cast<std::int64_t>(*query.limit) + 1 : -1;
  page_.reset().bind(query.mint_id);
  page_.bind(query.before ? to_milliseconds_since_1970(query.before->start_time)
                          : std::numeric_limits<std::int64_t>::max());
  page_.bind(query.before ? std::string_view(query.before->journal) : std::string_view());
  page_.bind(limit);
  auto rows = read_rows(page_);
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto total = count(query.mint_id);
  if (!total) return std::unexpected(std::move(total.error()));
  auto unreadable = problems();
  if (!unreadable) return std::unexpected(std::move(unreadable.error()));
  Page page{
      .recordings = std::move(*rows), .total = *total, .next = {}, .unreadable = std::move(*unreadable)};
  if (query.limit && page.recordings.size() > *query.limit) {
    page.recordings.pop_back();
    if (page.recordings.empty()) return page;
    const RecordingSummary& oldest = page.recordings.back();
    page.next = Position{oldest.start_time, std::string(without(prefix_, oldest.journal_path))};
  }
  std::ranges::reverse(page.recordings);
  return page;
}

Result<std::vector<RecordingSummary>> Index::find(std::string_view recording_id) {
  find_.reset().bind(recording_id);
  return read_rows(find_);
}

}  // namespace holdfast::archive
