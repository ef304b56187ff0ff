#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "base/bytes.hpp"

// Other people's readers: ffmpeg and ffprobe, on files in a folder that goes away.
namespace holdfast::container::test {

// Runs a command and gives what it printed, standard error included.
inline std::string run(const std::string& command) {
  std::string output;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "cannot run " + command;
  std::array<char, 4096> chunk{};
  for (std::size_t got = 0; (got = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
    output.append(chunk.data(), got);
  }
  if (const int status = ::pclose(pipe); status != 0) {
    output += "\n(exit status " + std::to_string(status) + ")";
  }
  return output;
}

inline bool have_ffmpeg() {
  static const bool have =
      std::system("ffmpeg -version >/dev/null 2>&1 && ffprobe -version >/dev/null 2>&1") == 0;
  return have;
}

class JudgedTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_ffmpeg()) GTEST_SKIP() << "ffmpeg and ffprobe judge this test; install the ffmpeg package";
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string save(const std::string& name, Bytes bytes) const {
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }

  // What ffmpeg has to say when it decodes the whole file; nothing when all is well.
  static std::string decode(const std::string& file) {
    return run("ffmpeg -nostdin -v error -xerror -i '" + file + "' -map 0 -f null -");
  }
  // "key=value" fields of ffprobe's answer, for the stream chosen ("v:0", "a:0").
  static std::map<std::string, std::string> probe(const std::string& file, const std::string& stream) {
    std::istringstream lines(run("ffprobe -v error -count_packets -select_streams " + stream +
                                 " -show_entries stream -of default=noprint_wrappers=1 '" + file + "'"));
    std::map<std::string, std::string> fields;
    for (std::string line; std::getline(lines, line);) {
      const std::size_t equals = line.find('=');
      if (equals != std::string::npos) fields.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    return fields;
  }
  static double number(const std::map<std::string, std::string>& fields, const std::string& key) {
    const auto found = fields.find(key);
    return found == fields.end() ? -1 : std::atof(found->second.c_str());
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace holdfast::container::test
