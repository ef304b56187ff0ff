#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace holdfast::archive {

// The little of SQLite that the catalog needs. One thread at a time. What SQLite says no to is
// ErrorCode::unavailable, and a file that is damaged or none of its own ErrorCode::invalid; with its own
// words and the file's name.

struct CloseDatabase {
  void operator()(sqlite3* database) const;
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const;
};

// A prepared statement, used again and again: reset(), bind(), step() until it is false.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

  // Ready to be bound and run anew.
  Statement& reset();
  // In order, from the first parameter on. The text must live until the statement has been stepped.
  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind(std::string_view text);
  Statement& bind_null();

  // True: there is a row. False: it is done.
  Result<bool> step();
  // Runs one that gives no rows.
  Result<void> run();

  // Of the row, from 0.
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  sqlite3* database_ = nullptr;
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
  int next_parameter_ = 1;
};

class Database {
 public:
  // `path` as SQLite takes it; ":memory:" for one that is nowhere.
  static Result<Database> open(const std::string& path);

  // One or more statements without parameters, whose rows nobody wants.
  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  // The first column of the first row.
  Result<std::string> value(std::string_view sql);

 private:
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, CloseDatabase> database_;
};

}  // namespace holdfast::archive
