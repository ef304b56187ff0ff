// The documents tell what the program does: every setting and every field of a start request stands in them,
// with its default, and they name none that does not exist.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "app/config.hpp"
#include "base/units.hpp"
#include "control/start_request_json.hpp"

namespace holdfast::app {
namespace {

using testing::UnorderedElementsAreArray;

std::string read_project_file(const std::string& name) {
  std::ifstream file(std::string(HOLDFAST_SOURCE) + "/" + name);
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> all_of(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

// "60s" is "1m": what is written may be spelled as its reader likes it.
bool is_same_value(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto duration = parse_duration(a);
  const auto size = parse_byte_size(a);
  return (duration && duration == parse_duration(b)) ||
         (size && parse_byte_size(b) && size->bytes == parse_byte_size(b)->bytes);
}

// A value as a file has it -> as the table of settings has it: "x" -> x, [404] -> 404.
std::string plain(const std::string& written) {
  const bool is_quoted =
      written.size() >= 2 && std::string_view("\"'[").find(written.front()) != std::string_view::npos;
  return is_quoted ? written.substr(1, written.size() - 2) : written;
}

// What a document says of each setting: its default, empty for none.
using Documented = std::map<std::string, std::string>;

// The rows `| `name`, `name` | `default` | ...` below docs/configuration.md's headings.
Documented read_configuration_page() {
  static const std::regex row(R"(^\| (`[a-z_`, ]+`) \| (.*?) ?\| .*)");
  static const std::regex name("`([a-z_]+)`");
  Documented documented;
  std::string prefix;
  for (const std::string& line : lines_of(read_project_file("docs/configuration.md"))) {
    if (line.starts_with("## ")) prefix = line == "## Token endpoint" ? "token_endpoint." : "";
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    const std::string written = match[2].length() < 2 ? "" : match[2].str().substr(1, match[2].length() - 2);
    for (const std::string& key : all_of(match[1], name)) {
      EXPECT_TRUE(documented.emplace(prefix + key, plain(written)).second) << key << " has two rows";
    }
  }
  return documented;
}

// The lines `name = value` of packaging/holdfast.toml; after "# " an example for what has no default.
Documented read_sample() {
  static const std::regex line_of_setting(R"(^(# )?([a-z_]+) = (.*?)(\s+#.*)?$)");
  Documented documented;
  std::string prefix;
  for (const std::string& line : lines_of(read_project_file("packaging/holdfast.toml"))) {
    if (line == "[token_endpoint]") prefix = "token_endpoint.";
    std::smatch match;
    if (!std::regex_match(line, match, line_of_setting)) continue;
    const std::string written = match[1].matched ? "" : plain(match[3]);
    EXPECT_TRUE(documented.emplace(prefix + match[2].str(), written).second) << match[2] << " stands twice";
  }
  return documented;
}

void expect_every_setting(const Documented& documented) {
  for (const Setting& setting : settings()) {
    const std::string name(setting.name);
    const auto found = documented.find(name);
    if (found == documented.end()) {
      ADD_FAILURE() << name << " is missing";
      continue;
    }
    EXPECT_TRUE(is_same_value(found->second, setting.default_text))
        << name << ": the document has \"" << found->second << "\", the program \"" << setting.default_text
        << '"';
  }
  for (const auto& [name, written] : documented) {
    EXPECT_NE(find_setting(name), nullptr) << "there is no setting " << name;
  }
}

TEST(Documents, TheConfigurationPageHasEverySettingWithItsDefault) {
  expect_every_setting(read_configuration_page());
}

TEST(Documents, TheSampleFileHasEverySettingWithItsDefault) {
  expect_every_setting(read_sample());
}

TEST(Documents, TheSampleFileIsAConfiguration) {
  ConfigSources sources;
  sources.file_name = "holdfast.toml";
  sources.file_text = read_project_file("packaging/holdfast.toml");
  const auto config = resolve_config(sources);
  EXPECT_TRUE(config) << config.error().message;
}

TEST(Documents, TheConfigurationPageSpellsVariablesAndFlagsAsTheProgramDoes) {
  const std::string page = read_project_file("docs/configuration.md");
  std::set<std::string> variables{"HOLDFAST_CONFIG"}, flags{"--config", "--no-fill"};
  for (const Setting& setting : settings()) {
    variables.insert(setting.environment_name());
    flags.insert(setting.flag_name());
  }
  for (const std::string& variable : all_of(page, std::regex("`(HOLDFAST_[A-Z][A-Z_]*)`"))) {
    EXPECT_TRUE(variables.contains(variable)) << variable;
  }
  for (const std::string& flag : all_of(page, std::regex("`(--[a-z][a-z-]*)[ `]"))) {
    EXPECT_TRUE(flags.contains(flag)) << flag;
  }
  EXPECT_NE(page.find('`' + find_setting("token_endpoint.url")->environment_name() + '`'), std::string::npos);
  EXPECT_NE(page.find('`' + find_setting("token_endpoint.url")->flag_name() + '`'), std::string::npos);
}

// The properties of a schema of docs/openapi.yaml.
std::vector<std::string> properties_of(const std::string& schema) {
  static const std::regex property(R"(^        ([a-z_]+):.*)");
  std::vector<std::string> names;
  bool in_schema = false, in_properties = false;
  for (const std::string& line : lines_of(read_project_file("docs/openapi.yaml"))) {
    if (line.starts_with("    ") && line[4] != ' ') in_schema = line == "    " + schema + ":";
    if (!line.starts_with("        ")) in_properties = in_schema && line == "      properties:";
    std::smatch match;
    if (in_properties && std::regex_match(line, match, property)) names.push_back(match[1]);
  }
  return names;
}

// The fields that a start request may have, as the message about an unknown one lists them.
std::vector<std::string> start_fields() {
  const auto refused = control::parse_start_request("m", R"({"no_such_field_at_all": null})");
  EXPECT_FALSE(refused);
  const std::string message = refused ? "" : refused.error().message;
  return all_of(message.substr(message.rfind(" are ") + 4), std::regex(" ([a-z_]+)"));
}

TEST(Documents, TheApiDescriptionHasEverySpellingOfAnEnumeration) {
  const std::string description = read_project_file("docs/openapi.yaml");
  int enumerations = 0;
  for (const control::RecordingOption& option : control::recording_options()) {
    if (option.per_request == control::PerRequest::no || !option.value_name.contains('|')) continue;
    ++enumerations;
    const std::regex property("\n        " + std::string(option.name) + R"(: \{ enum: \[([a-z0-9, ]+)\])");
    const auto listed = all_of(description, property);
    EXPECT_EQ(listed.size(), 2U) << option.name << ": in StartRequest and FollowRequest";
    for (const std::string& spellings : listed) {
      for (const std::string& spelling : all_of(std::string(option.value_name), std::regex("([a-z0-9]+)"))) {
        EXPECT_NE((", " + spellings + ",").find(", " + spelling + ","), std::string::npos)
            << option.name << " lacks " << spelling;
      }
    }
  }
  EXPECT_EQ(enumerations, 4);
}

TEST(Documents, TheApiDescriptionHasEveryFieldOfAStart) {
  ASSERT_GE(start_fields().size(), 14U);
  EXPECT_THAT(properties_of("StartRequest"), UnorderedElementsAreArray(start_fields()));
}

TEST(Documents, TheApiDescriptionOfAFollowHasEveryFieldOfAStartButTheToken) {
  auto fields = start_fields();
  std::erase(fields, "token");
  EXPECT_THAT(properties_of("FollowRequest"), UnorderedElementsAreArray(fields));
}

TEST(Documents, TheReadmeNamesEveryOptionOfAStart) {
  const std::string readme = read_project_file("README.md");
  for (const std::string& field : start_fields()) {
    if (field == "mint_id" || field == "output_format") continue;  // in the path; another name of format
    EXPECT_NE(readme.find('`' + field + '`'), std::string::npos) << field;
  }
}

}  // namespace
}  // namespace holdfast::app
