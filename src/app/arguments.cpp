#include "app/arguments.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "app/command_tables.hpp"
#include "app/completion.hpp"
#include "app/help_footers.hpp"
#include "app/manual.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "control/mint_id.hpp"

namespace holdfast::app {
namespace {

// The flags of one command as CLI11 sees them: texts, read by our own rules once the line as a whole is
// understood.
class Flags {
 public:
  explicit Flags(CLI::App& command) : command_(command) {}

  void add_settings() {
    command_.add_option("--config", text("config"), "TOML file with settings; also HOLDFAST_CONFIG")
        ->type_name("FILE");
    for (const Setting& setting : settings()) add_setting(setting);
  }
  // Only these; the others may stand in the file all the same.
  void add_settings(std::initializer_list<std::string_view> names) {
    command_.add_option("--config", text("config"), "TOML file with settings; also HOLDFAST_CONFIG")
        ->type_name("FILE");
    for (const std::string_view name : names) add_setting(*find_setting(name));
  }
  CLI::Option* add(const std::string& name, const std::string& spelled, const std::string& type,
                   const std::string& help) {
    return command_.add_option(spelled, text(name), help)->type_name(type);
  }
  CLI::Option* add_list(const std::string& spelled, const std::string& type, std::vector<std::string>& values,
                        const std::string& help) {
    return command_.add_option(spelled, values, help)->type_name(type);
  }
  void add_switch(const std::string& spelled, bool& value, const std::string& help) {
    command_.add_flag(spelled, value, help);
  }

  // Empty where it was not given.
  const std::string& get(const std::string& name) { return text(name); }

  std::vector<GivenSetting> given_settings() const {
    std::vector<GivenSetting> given;
    for (const auto& [setting, option] : settings_) {
      if (option->count() != 0) given.push_back({std::string(setting->name), option->results()});
    }
    return given;
  }

 private:
  std::string& text(const std::string& name) { return texts_[name]; }

  void add_setting(const Setting& setting) {
    std::string help(setting.help);
    if (!setting.default_text.empty()) help += " [" + setting.default_text + "]";
    const std::string flag = setting.flag_name();
    CLI::Option* option = nullptr;
    if (setting.value_name == "BOOL") {
      option = command_.add_flag(flag + ",!--no-" + flag.substr(2), text(flag), help);
    } else if (setting.is_list) {
      option = command_.add_option(flag, lists_.emplace_back(), help + "; may be repeated");
      option->type_name(std::string(setting.value_name))->type_size(1)->expected(1)->take_all();
    } else {
      option = command_.add_option(flag, text(flag), help)->type_name(std::string(setting.value_name));
    }
    option->group(setting.name.starts_with("token_endpoint.") ? "Token endpoint" : "Settings");
    settings_.emplace_back(&setting, option);
  }

  CLI::App& command_;
  std::map<std::string, std::string> texts_;  // CLI11 keeps references into it
  std::deque<std::vector<std::string>> lists_;
  std::vector<std::pair<const Setting*, CLI::Option*>> settings_;
};

std::unexpected<Error> wrong(std::string_view flag, std::string_view rule) {
  return fail(ErrorCode::invalid, "{} must be {}", flag, rule);
}

template <typename Number>
std::optional<Number> parse_whole(std::string_view text, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return std::nullopt;
  return value;
}

// "2000000", "2000k", "2M" bits a second.
std::optional<int> parse_bit_rate(std::string_view text) {
  std::int64_t factor = 1;
  if (text.ends_with('k')) factor = 1'000;
  if (text.ends_with('M')) factor = 1'000'000;
  if (factor != 1) text.remove_suffix(1);
  const auto number = parse_whole<std::int64_t>(text, 1, 100'000'000);
  if (!number || *number * factor < 10'000 || *number * factor > 100'000'000) return std::nullopt;
  return static_cast<int>(*number * factor);
}

Result<void> read_duration(std::string_view flag, const std::string& text, Duration& value) {
  if (text.empty()) return {};
  const auto parsed = parse_duration(text);
  if (!parsed) return wrong(flag, "a duration such as 90s, 10m or 1h");
  value = *parsed;
  return {};
}

Result<Config> read_config(Flags& flags, const std::map<std::string, std::string>& environment) {
  ConfigSources sources;
  sources.environment = environment;
  sources.flags = flags.given_settings();
  sources.file_name = flags.get("config");
  if (const auto named = environment.find("HOLDFAST_CONFIG");
      sources.file_name.empty() && named != environment.end()) {
    sources.file_name = named->second;
  }
  if (!sources.file_name.empty()) {
    std::ifstream file(sources.file_name, std::ios::binary);
    std::error_code ignored;
    // A folder opens as well.
    if (!file || std::filesystem::is_directory(sources.file_name, ignored)) {
      return fail(ErrorCode::io, "cannot read the configuration file {}", sources.file_name);
    }
    sources.file_text.assign(std::istreambuf_iterator<char>(file), {});
  }
  return resolve_config(sources);
}

void add_record_flags(Flags& flags, RecordOptions& options) {
  flags.add("room", "--room", "NAME",
            "name of the LiveKit room; by default made from --livekit-room and --mint-id");
  flags.add("mint_id", "--mint-id", "ID",
            "id of the stream, used in the file name; by default the name of the room");
  flags.add("participant", "--participant", "IDENTITY",
            "identity of the participant to record; by default the first with video");
  flags.add("participants", "--participants", "one|all", "all: one recording for each participant [one]");
  flags.add("token", "--token", "JWT", "join token to use; by default one is generated");
  flags.add("duration", "--duration", "DURATION", "end the recording after this time");
  flags.add_switch("--quiet", options.quiet, "do not print a status line");
}

Result<Command> read_record(Flags& flags, RecordOptions options,
                            const std::map<std::string, std::string>& environment) {
  auto config = read_config(flags, environment);
  if (!config) return std::unexpected(std::move(config.error()));
  options.room = flags.get("room");
  options.mint_id = flags.get("mint_id");
  options.participant = flags.get("participant");
  options.token = flags.get("token");
  if (const std::string& which = flags.get("participants"); which == "all") {
    options.participants = control::Participants::all;
  } else if (!which.empty() && which != "one") {
    return wrong("--participants", "one or all");
  }
  if (options.room.empty() && options.mint_id.empty()) {
    return fail(ErrorCode::invalid, "record: set the stream with --room or --mint-id");
  }
  if (!options.mint_id.empty() && !control::is_valid_mint_id(options.mint_id)) {
    return fail(ErrorCode::invalid, "--mint-id {}", control::mint_id_rule);
  }
  if (options.participants == control::Participants::all && !options.participant.empty()) {
    return fail(ErrorCode::invalid, "--participants all and --participant contradict each other");
  }
  const bool endpoint = !config->token_endpoint.url.empty();
  if (config->livekit_url.empty() && !endpoint) {
    return fail(ErrorCode::invalid, "record: set the server with --livekit-url");
  }
  if (options.token.empty() && config->livekit_api_key.empty() && !endpoint) {
    return fail(ErrorCode::invalid,
                "record: a token is needed: --livekit-api-key and --livekit-api-secret, or --token");
  }
  if (auto done = read_duration("--duration", flags.get("duration"), options.duration); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return RecordCommand{std::move(*config), std::move(options)};
}

void add_publish_flags(Flags& flags, PublishOptions& options) {
  flags
      .add("url", "url", "URL",
           "URL of the WHIP endpoint, http or https; {n} is replaced by the publisher's number")
      ->required();
  flags.add("token", "--token", "TOKEN", "bearer token for the endpoint");
  flags.add("video", "--video", "h264|vp8|none", "[h264]");
  flags.add("audio", "--audio", "opus|none", "[opus]");
  flags.add("size", "--size", "WIDTHxHEIGHT", "[1280x720]");
  flags.add("fps", "--fps", "NUMBER", "frames per second [30]");
  flags.add("bitrate", "--bitrate", "NUMBER",
            "bits per second of the video, such as 2000000, 2000k or 2M [2M]");
  flags.add("keyframes", "--keyframes", "DURATION|on-request",
            "key frame interval; on-request: only at the start and when requested, as browsers do [2s]");
  flags.add("input", "--input", "FILE", "publish this media file in a loop, instead of the test picture");
  flags.add("duration", "--duration", "DURATION", "stop after this time");
  flags.add("count", "--count", "NUMBER", "number of publishers [1]");
  flags.add_switch("--quiet", options.quiet, "do not print a status line");
}

Result<void> read_codecs(Flags& flags, PublishOptions& options) {
  const std::string& video = flags.get("video");
  if (video == "vp8") {
    options.video = media::Codec::vp8;
  } else if (video == "none") {
    options.video.reset();
  } else if (!video.empty() && video != "h264") {
    return wrong("--video", "h264, vp8 or none");
  }
  const std::string& audio = flags.get("audio");
  if (audio == "none") {
    options.audio.reset();
  } else if (!audio.empty() && audio != "opus") {
    return wrong("--audio", "opus or none");
  }
  if (!options.video && !options.audio)
    return fail(ErrorCode::invalid, "publish: nothing to publish with --video none and --audio none");
  return {};
}

Result<void> read_picture(Flags& flags, PublishOptions& options) {
  if (const std::string_view size = flags.get("size"); !size.empty()) {
    const std::size_t cross = std::min(size.find('x'), size.size());
    const auto width = parse_whole<int>(size.substr(0, cross), 16, 4096);
    const auto height = parse_whole<int>(size.substr(std::min(cross + 1, size.size())), 16, 4096);
    if (!width || !height || *width % 2 != 0 || *height % 2 != 0) {
      return wrong("--size", "WIDTHxHEIGHT such as 1280x720, even numbers from 16 to 4096");
    }
    options.width = *width;
    options.height = *height;
  }
  if (const std::string& fps = flags.get("fps"); !fps.empty()) {
    const auto number = parse_whole<int>(fps, 1, 120);
    if (!number) return wrong("--fps", "a whole number from 1 to 120");
    options.frames_per_second = *number;
  }
  if (const std::string& rate = flags.get("bitrate"); !rate.empty()) {
    const auto number = parse_bit_rate(rate);
    if (!number) return wrong("--bitrate", "from 10k to 100M");
    options.bits_per_second = *number;
  }
  if (const std::string& keys = flags.get("keyframes"); keys == "on-request") {
    options.key_frames = KeyFrames::on_request;
  } else if (!keys.empty()) {
    const auto interval = parse_duration(keys);
    if (!interval || *interval < std::chrono::milliseconds(100)) {
      return wrong("--keyframes", "on-request, or a duration of 100ms or more");
    }
    options.key_frame_interval = *interval;
  }
  return {};
}

Result<Command> read_publish(Flags& flags, PublishOptions options) {
  options.url = flags.get("url");
  if (!options.url.starts_with("http://") && !options.url.starts_with("https://")) {
    return wrong("the WHIP endpoint", "an http:// or https:// URL");
  }
  options.token = flags.get("token");
  options.input = flags.get("input");
  auto done = read_codecs(flags, options);
  if (done) done = read_picture(flags, options);
  if (done) done = read_duration("--duration", flags.get("duration"), options.duration);
  if (!done) return std::unexpected(std::move(done.error()));
  if (const std::string& count = flags.get("count"); !count.empty()) {
    const auto number = parse_whole<int>(count, 1, 10'000);
    if (!number) return wrong("--count", "a whole number from 1 to 10,000");
    options.count = *number;
  }
  if (options.count > 1 && options.url.find("{n}") == std::string::npos) {
    return fail(ErrorCode::invalid,
                "--count: several publishers need {{n}} in the URL, or all of them publish the same stream");
  }
  return options;
}

Result<Command> read_export(Flags& flags, ExportOptions options) {
  options.input = flags.get("input");
  options.output = flags.get("output");
  if (!options.output.ends_with(".mp4")) return wrong("the output", "a file name that ends in .mp4");
  return options;
}

// The folder named, or the configured one.
Result<Config> read_folder_config(Flags& flags, const std::map<std::string, std::string>& environment) {
  auto config = read_config(flags, environment);
  if (config && !flags.get("folder").empty()) config->recordings = flags.get("folder");
  return config;
}

Result<Command> read_reindex(Flags& flags, const std::map<std::string, std::string>& environment) {
  const auto config = read_folder_config(flags, environment);
  if (!config) return std::unexpected(config.error());
  return ReindexOptions{config->recordings};
}

Result<Command> read_prune(Flags& flags, PruneOptions options,
                           const std::map<std::string, std::string>& environment) {
  const auto config = read_folder_config(flags, environment);
  if (!config) return std::unexpected(config.error());
  options.folder = config->recordings;
  options.limits = config->retention;
  if (!options.limits.any()) {
    return fail(ErrorCode::invalid, "prune: set a limit with --keep-days, --keep-bytes or --keep-free");
  }
  return options;
}

// "25", "29.97" or "30000/1001".
std::optional<audit::FrameRate> parse_frame_rate(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::size_t dot = text.find('.');
  std::optional<std::uint32_t> frames, seconds = 1;
  if (slash != std::string_view::npos) {
    frames = parse_whole<std::uint32_t>(text.substr(0, slash), 1, 10'000'000);
    seconds = parse_whole<std::uint32_t>(text.substr(slash + 1), 1, 10'000'000);
  } else if (dot != std::string_view::npos && text.size() - dot == 3) {
    frames = parse_whole<std::uint32_t>(std::string(text.substr(0, dot)) + std::string(text.substr(dot + 1)),
                                        1, 100'000);
    seconds = 100;
  } else {
    frames = parse_whole<std::uint32_t>(text, 1, 1000);
  }
  if (!frames || !seconds || *frames < *seconds / 10 || *frames / *seconds > 1000) return std::nullopt;
  return audit::FrameRate{*frames, *seconds};
}

Result<Command> read_repair(Flags& flags, RepairOptions options) {
  options.input = flags.get("input");
  options.output = flags.get("output");
  if (const std::string& rate = flags.get("fps"); !rate.empty()) {
    options.frame_rate = parse_frame_rate(rate);
    if (!options.frame_rate) return wrong("--fps", "frames per second such as 25, 29.97 or 30000/1001");
  }
  return options;
}

Result<Command> read_completion(Flags& flags, const CLI::App& program) {
  const auto shell = parse_shell(flags.get("shell"));
  if (!shell) return wrong("the shell", "bash, zsh or fish");
  return PrintCommand{make_completion(describe(program, version()), *shell)};
}

// CLI11 would only say that it did not expect the word.
Error unexpected_word(const CLI::App& command, const std::string& given) {
  const std::string word = given.substr(0, given.find('='));
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(sub->get_name());
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string_view meant = nearest(word, views);
  return {ErrorCode::invalid,
          fmt::format("{}: unknown argument {}{}", command.get_name(), printable(word),
                      meant.empty() ? "; see --help" : fmt::format("; did you mean {}?", meant))};
}

// The words of the line, and nothing of their meaning.
struct Parser {
  Parser() : program("Records live WebRTC streams: from LiveKit rooms, or by WHIP.", "holdfast") {
    program.footer(program_footer);
    program.set_version_flag("--version", program_version());
    program.allow_extras();
    for (CLI::App* command : {&serve, &record, &publish, &exporting, &reindex, &prune, &verify, &inspect,
                              &repair, &completion, &manual, &version_command}) {
      command->allow_extras();
      command->get_formatter()->column_width(44);
    }
    serve.footer(serve_footer);
    serve_flags.add_settings();
    record.footer(record_footer);
    add_record_flags(record_flags, record_options);
    record_flags.add_settings();
    publish.footer(publish_footer);
    add_publish_flags(publish_flags, publish_options);
    exporting.footer(export_footer);
    export_flags.add("input", "input", "RECORDING", "first part of the recording, or its journal")
        ->required();
    export_flags.add("output", "output", "FILE.mp4", "the MP4 file to write")->required();
    export_flags.add_switch("--overwrite", export_options.overwrite, "replace the MP4 file if it exists");
    reindex.footer(reindex_footer);
    reindex_flags.add("folder", "folder", "DIR",
                      "folder of the recordings; by default the configured folder");
    reindex_flags.add_settings({"recordings"});
    prune.footer(prune_footer);
    prune_flags.add("folder", "folder", "DIR", "folder of the recordings; by default the configured folder");
    prune_flags.add_switch("--dry-run", prune_options.dry_run,
                           "print what would be deleted, and delete nothing");
    prune_flags.add_settings({"recordings", "keep_days", "keep_bytes", "keep_free"});
    inspect.footer(inspect_footer);
    inspect_flags.add("input", "input", "RECORDING", "any part of a recording, or its journal, or a folder")
        ->required();
    inspect_flags.add_switch("--json", inspect_options.json, "print one line of JSON per recording");
    repair.footer(repair_footer);
    repair_flags.add("input", "input", "INPUT", "a .ts, .mp4 or .mkv file, or raw H.264 (Annex B)")
        ->required();
    repair_flags.add("output", "-o,--output", "FILE", "[the name of INPUT with _repaired]");
    repair_flags.add("fps", "--fps", "NUMBER", "frame rate of raw H.264 [from its SPS, or 30]");
    repair_flags.add_switch("--overwrite", repair_options.overwrite,
                            "replace the output and its journal if they exist");
    completion.footer(completion_footer);
    completion_flags.add("shell", "shell", "bash|zsh|fish", "the shell to complete commands in")->required();
    verify.footer(verify_footer);
    verify_flags
        .add_list("path", "PATH", verify_options.paths,
                  "recordings (any part, or the journal), or folders with recordings")
        ->required();
    verify_flags.add_switch("--json", verify_options.json, "print one line of JSON per recording");
    verify_flags.add_switch("--quiet", verify_options.quiet, "print only damaged and unreadable recordings");
  }

  CLI::App program;
  CLI::App& serve = *program.add_subcommand("serve", "Run the service: HTTP API, WHIP, metrics.");
  CLI::App& record = *program.add_subcommand("record", "Record one LiveKit stream, without the service.");
  CLI::App& publish =
      *program.add_subcommand("publish", "Publish a test picture and tone, or a file, by WHIP.");
  CLI::App& exporting =
      *program.add_subcommand("export", "Convert a recording to an ordinary MP4, without re-encoding.");
  CLI::App& reindex =
      *program.add_subcommand("reindex", "Rebuild the catalog of a folder from its journals.");
  CLI::App& prune = *program.add_subcommand("prune", "Delete the oldest recordings of a folder, by limits.");
  CLI::App& verify = *program.add_subcommand("verify", "Check that recordings are complete and undamaged.");
  CLI::App& inspect =
      *program.add_subcommand("inspect", "Show the tracks, gaps, losses and clock drift of a recording.");
  CLI::App& repair = *program.add_subcommand(
      "repair", "Salvage a damaged file into a new file, or create a missing journal.");
  CLI::App& completion = *program.add_subcommand("completion", "Print a completion script for a shell.");
  CLI::App& manual = *program.add_subcommand("manual", "Print the manual page, as troff source.");
  CLI::App& version_command = *program.add_subcommand("version", "Print the version.");
  Flags serve_flags{serve};
  Flags record_flags{record};
  Flags publish_flags{publish};
  Flags export_flags{exporting};
  Flags reindex_flags{reindex};
  Flags prune_flags{prune};
  Flags verify_flags{verify};
  Flags inspect_flags{inspect};
  Flags repair_flags{repair};
  Flags completion_flags{completion};
  RecordOptions record_options;
  PublishOptions publish_options;
  ExportOptions export_options;
  PruneOptions prune_options;
  VerifyOptions verify_options;
  InspectOptions inspect_options;
  RepairOptions repair_options;
};

}  // namespace

Result<Command> parse_arguments(int argc, const char* const* argv,
                                const std::map<std::string, std::string>& environment) {
  Parser parser;
  try {
    parser.program.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return PrintCommand{parser.program.help()};
  } catch (const CLI::CallForVersion& version_text) {
    return PrintCommand{std::string(version_text.what()) + '\n'};
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::invalid, "{}", error.what());
  }
  const auto commands = parser.program.get_subcommands();
  const CLI::App& command = commands.empty() ? parser.program : *commands.front();
  for (const CLI::App* app : {&std::as_const(parser.program), &command}) {
    if (const auto extras = app->remaining(); !extras.empty())
      return std::unexpected(unexpected_word(*app, extras.front()));
  }
  if (commands.size() > 1) {
    return fail(ErrorCode::invalid, "one command at a time: {} or {}?", commands[0]->get_name(),
                commands[1]->get_name());
  }
  if (&command == &parser.program) return PrintCommand{parser.program.help()};
  if (&command == &parser.version_command) return PrintCommand{program_version() + "\n"};
  if (&command == &parser.completion) return read_completion(parser.completion_flags, parser.program);
  if (&command == &parser.manual) return PrintCommand{make_manual(describe(parser.program, version()))};
  if (&command == &parser.record) return read_record(parser.record_flags, parser.record_options, environment);
  if (&command == &parser.publish) return read_publish(parser.publish_flags, parser.publish_options);
  if (&command == &parser.exporting) return read_export(parser.export_flags, parser.export_options);
  if (&command == &parser.reindex) return read_reindex(parser.reindex_flags, environment);
  if (&command == &parser.prune) return read_prune(parser.prune_flags, parser.prune_options, environment);
  if (&command == &parser.repair) return read_repair(parser.repair_flags, parser.repair_options);
  if (&command == &parser.inspect) {
    parser.inspect_options.input = parser.inspect_flags.get("input");
    return std::move(parser.inspect_options);
  }
  if (&command == &parser.verify) return std::move(parser.verify_options);
  auto config = read_config(parser.serve_flags, environment);
  if (!config) return std::unexpected(std::move(config.error()));
  return ServeCommand{std::move(*config)};
}

}  // namespace holdfast::app
