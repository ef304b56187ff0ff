#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/index.hpp"
#include "archive/page.hpp"
#include "base/check.hpp"
#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "journal/reader.hpp"
#include "journal/state.hpp"

namespace holdfast::archive {

// The recordings of a folder, as its journals tell them, without reading all journals each time. The files
// are the truth; the index, `.holdfast/catalog.sqlite` in the folder, only saves the reading, and whatever is
// wrong with it costs no more than that: it is then made anew, or, where it cannot be written, kept in
// memory.
//
// What has ended is read again when its journal's size or time or a part's size differs from the index:
// looked for whenever a name in the folder has come, gone or changed, and at synchronize(). What has not
// ended is looked at for each answer, and only what its journal grew by is read.
//
// One thread, which may block (scanner). Several catalogs, also of several processes, may serve one folder:
// every row is made from files, so that who is late writes the same, or finds out next time.
class Catalog {
 public:
  // `disk` outlives the catalog. `index`: where SQLite keeps it, on the system's own files.
  Catalog(Disk& disk, const std::string& folder) : Catalog(disk, folder, path_of(folder)) {}
  Catalog(Disk& disk, std::string folder, std::string index);

  static std::string path_of(const std::string& folder);
  // Why the index is in memory; empty: it is in its file.
  const std::string& problem() const { return problem_; }

  enum class Depth : std::uint8_t { changed, everything };
  // Called with the journals read so far and those to be read.
  using Progress = std::function<void(std::size_t done, std::size_t all)>;
  // Brings the index in line with the folder; `everything` reads every journal again, whatever the index
  // says, which goes on to answer others meanwhile. An index in memory is tried in its file again, at most
  // each ten minutes. `now` tells whether the folder may still change unseen within the grain of its time.
  // Errors: of the folder.
  Result<void> synchronize(WallTime now, Depth depth = Depth::changed, const Progress& progress = {});

  // Whatever it is at ends soon, with an error, and so does all that is asked later. Any thread.
  void stop() { stopped_ = true; }

  // As the files are now. Errors: of the folder.
  Result<Page> page(const Query& query, WallTime now);
  // Those of that id, more than one only where files were copied. Errors: not_found, and of the folder.
  Result<std::vector<storage::RecordingSummary>> find(std::string_view recording_id, WallTime now);

 private:
  // A journal that has not ended, with the reader that has read it so far.
  struct Unfinished {
    journal::State told;
    journal::Reader reader{[this](journal::Entry&& entry) { told.take(entry); }};
    IndexedJournal shown;  // in the index

    Unfinished() = default;
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
  };
  using Listing = std::map<std::string, DirectoryEntry>;

  void open_index();
  // What the folder or the index says; with an index that fails it is done again with another one.
  template <typename Value>
  Result<Value> with_index(const std::function<Result<Value>()>& act);
  void try_file_again(WallTime now);
  void leave_index(const Error& why);
  void go_on_in_memory(const Error& why);
  Result<void> bring_in_line(WallTime now, Depth depth, const Progress& progress);
  Result<void> freshen(WallTime now);
  Result<bool> look_at_unfinished();
  bool is_as_known(const std::string& name, const Listing& listing, const KnownJournal& known) const;
  IndexedJournal read(const std::string& name, JournalState state, const storage::SizeOf& size_of);
  Result<void> read_on(const std::string& path, journal::Reader& reader);

  Disk& disk_;
  const std::string folder_;
  const std::string index_path_;
  std::unique_ptr<Index> index_;
  std::string problem_;
  WallTime file_again_at_{};
  bool in_line_ = false;        // ever, with this index
  WallTime folder_modified_{};  // when it was last brought in line
  bool unsettled_ = true;       // the folder may have changed since, within the grain of its time
  std::map<std::string, std::unique_ptr<Unfinished>> unfinished_;
  std::atomic<bool> stopped_ = false;
  ThreadOwner owner_;  // the first that asks
};

}  // namespace holdfast::archive
