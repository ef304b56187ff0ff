#include "storage/journal.hpp"

#include <boost/json.hpp>
#include <cstdio>
#include <tuple>
#include <utility>

namespace holdfast::storage {
namespace {

namespace json = boost::json;

// A field's name in the journal and its place in the event: read and written by the same list.
template <typename Event, typename Value>
struct Field {
  const char* name;
  Value Event::*member;
};

template <typename Event>
struct Describe;

template <>
struct Describe<StartEvent> {
  static constexpr const char* name = "start";
  static constexpr auto fields =
      std::tuple{Field{"journal", &StartEvent::journal},           Field{"program", &StartEvent::program},
                 Field{"recording_id", &StartEvent::recording_id}, Field{"mint_id", &StartEvent::mint_id},
                 Field{"participant", &StartEvent::participant},   Field{"format", &StartEvent::format}};
};
template <>
struct Describe<PartEvent> {
  static constexpr const char* name = "part";
  static constexpr auto fields =
      std::tuple{Field{"number", &PartEvent::number}, Field{"file", &PartEvent::file},
                 Field{"format", &PartEvent::format}, Field{"reason", &PartEvent::reason}};
};
template <>
struct Describe<TrackEvent> {
  static constexpr const char* name = "track";
  static constexpr auto fields = std::tuple{Field{"track", &TrackEvent::track},
                                            Field{"kind", &TrackEvent::kind},
                                            Field{"codec", &TrackEvent::codec},
                                            Field{"written_as", &TrackEvent::written_as},
                                            Field{"width", &TrackEvent::width},
                                            Field{"height", &TrackEvent::height},
                                            Field{"sample_rate", &TrackEvent::sample_rate},
                                            Field{"channels", &TrackEvent::channels}};
};
template <>
struct Describe<FormatNoteEvent> {
  static constexpr const char* name = "format_note";
  static constexpr auto fields =
      std::tuple{Field{"asked", &FormatNoteEvent::asked}, Field{"used", &FormatNoteEvent::used},
                 Field{"note", &FormatNoteEvent::note}};
};
template <>
struct Describe<AnchorEvent> {
  static constexpr const char* name = "anchor";
  static constexpr auto fields =
      std::tuple{Field{"track", &AnchorEvent::track}, Field{"rtp", &AnchorEvent::rtp},
                 Field{"ntp", &AnchorEvent::ntp}, Field{"anchor_pts", &AnchorEvent::anchor_pts}};
};
template <>
struct Describe<ClockStepEvent> {
  static constexpr const char* name = "clock_step";
  static constexpr auto fields =
      std::tuple{Field{"track", &ClockStepEvent::track}, Field{"ticks", &ClockStepEvent::ticks}};
};
template <>
struct Describe<GapEvent> {
  static constexpr const char* name = "gap";
  static constexpr auto fields =
      std::tuple{Field{"from_pts", &GapEvent::from_pts}, Field{"to_pts", &GapEvent::to_pts},
                 Field{"cause", &GapEvent::cause}};
};
template <>
struct Describe<LossEvent> {
  static constexpr const char* name = "loss";
  static constexpr auto fields =
      std::tuple{Field{"track", &LossEvent::track}, Field{"packets", &LossEvent::packets},
                 Field{"frames", &LossEvent::frames}, Field{"cause", &LossEvent::cause}};
};
template <>
struct Describe<DamageEvent> {
  static constexpr const char* name = "damage";
  static constexpr auto fields =
      std::tuple{Field{"track", &DamageEvent::track}, Field{"from_pts", &DamageEvent::from_pts},
                 Field{"to_pts", &DamageEvent::to_pts}, Field{"frames", &DamageEvent::frames},
                 Field{"kept", &DamageEvent::kept}};
};
template <>
struct Describe<LedgerEvent> {
  static constexpr const char* name = "ledger";
  static constexpr auto fields = std::tuple{Field{"track", &LedgerEvent::track},
                                            Field{"expected", &LedgerEvent::expected},
                                            Field{"written", &LedgerEvent::written},
                                            Field{"lost", &LedgerEvent::lost},
                                            Field{"dropped", &LedgerEvent::dropped},
                                            Field{"pending", &LedgerEvent::pending},
                                            Field{"recovered_nack", &LedgerEvent::recovered_nack},
                                            Field{"recovered_rtx", &LedgerEvent::recovered_rtx},
                                            Field{"recovered_red", &LedgerEvent::recovered_red},
                                            Field{"duplicates", &LedgerEvent::duplicates},
                                            Field{"late", &LedgerEvent::late},
                                            Field{"frames", &LedgerEvent::frames},
                                            Field{"frames_lost", &LedgerEvent::frames_lost},
                                            Field{"frames_damaged", &LedgerEvent::frames_damaged},
                                            Field{"filler_frames", &LedgerEvent::filler_frames}};
};
template <>
struct Describe<FillEvent> {
  static constexpr const char* name = "fill";
  static constexpr auto fields =
      std::tuple{Field{"track", &FillEvent::track}, Field{"from_pts", &FillEvent::from_pts},
                 Field{"to_pts", &FillEvent::to_pts}, Field{"frames", &FillEvent::frames}};
};
template <>
struct Describe<MuteEvent> {
  static constexpr const char* name = "mute";
  static constexpr auto fields =
      std::tuple{Field{"track", &MuteEvent::track}, Field{"muted", &MuteEvent::muted}};
};
template <>
struct Describe<ReconnectEvent> {
  static constexpr const char* name = "reconnect";
  static constexpr auto fields = std::tuple{Field{"cause", &ReconnectEvent::cause}};
};
template <>
struct Describe<DiskEvent> {
  static constexpr const char* name = "disk";
  static constexpr auto fields = std::tuple{Field{"error", &DiskEvent::error}};
};
template <>
struct Describe<EndEvent> {
  static constexpr const char* name = "end";
  static constexpr auto fields =
      std::tuple{Field{"reason", &EndEvent::reason}, Field{"duration", &EndEvent::duration},
                 Field{"bytes", &EndEvent::bytes}, Field{"parts", &EndEvent::parts}};
};

template <typename Value>
void read_field(const json::value& from, Value& to) {
  if constexpr (std::is_same_v<Value, std::string>) {
    if (const auto* text = from.if_string()) to.assign(text->data(), text->size());
  } else if constexpr (std::is_same_v<Value, bool>) {
    if (const bool* value = from.if_bool()) to = *value;
  } else if (from.is_number()) {
    json::error_code error;
    const auto number = from.to_number<Value>(error);
    if (!error) to = number;
  }
}

template <typename Event>
void write_fields(const Event& event, json::object& out) {
  std::apply([&](const auto&... field) { ((out[field.name] = event.*field.member), ...); },
             Describe<Event>::fields);
}

template <typename Event>
Event read_fields(const json::object& from) {
  Event event;
  const auto read = [&](const auto& field) {
    if (const json::value* value = from.if_contains(field.name)) read_field(*value, event.*field.member);
  };
  std::apply([&](const auto&... field) { (read(field), ...); }, Describe<Event>::fields);
  return event;
}

// The event of that name; nothing if none of ours has it.
template <std::size_t index = 0>
std::optional<JournalEvent> read_event(std::string_view name, const json::object& from) {
  if constexpr (index == std::variant_size_v<JournalEvent>) {
    return std::nullopt;
  } else {
    using Event = std::variant_alternative_t<index, JournalEvent>;
    if (name == Describe<Event>::name) return read_fields<Event>(from);
    return read_event<index + 1>(name, from);
  }
}

// "2026-11-22T16:45:01.250Z", as format_rfc3339() writes it.
std::optional<WallTime> parse_wall(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u.%3uZ%n", &year, &month, &day, &hour, &minute,
                  &second, &ms, &end) != 7 ||
      end != static_cast<int>(text.size())) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  // What a WallTime can hold is 1678 to 2262.
  if (!date.ok() || year < 1970 || year > 2200 || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return WallTime(days + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                  std::chrono::seconds(second) + std::chrono::milliseconds(ms));
}

std::optional<JournalEntry> parse_line(std::string_view line) {
  json::error_code error;
  const json::value value = json::parse({line.data(), line.size()}, error);
  const json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return std::nullopt;
  std::string wall_text, name;
  JournalEntry entry;
  if (const auto* wall = object->if_contains("wall")) read_field(*wall, wall_text);
  if (const auto* pts = object->if_contains("pts")) read_field(*pts, entry.pts);
  if (const auto* event = object->if_contains("event")) read_field(*event, name);
  const auto wall = parse_wall(wall_text);
  auto event = read_event(name, *object);
  if (!wall || !event) return std::nullopt;
  entry.wall = *wall;
  entry.event = *std::move(event);
  return entry;
}

}  // namespace

void serialize(const JournalEntry& entry, ByteVector& out) {
  json::object line;
  line["wall"] = format_rfc3339(entry.wall);
  line["pts"] = entry.pts;
  std::visit(
      [&]<typename Event>(const Event& event) {
        line["event"] = Describe<Event>::name;
        write_fields(event, line);
      },
      entry.event);
  const std::string text = json::serialize(line);
  out.insert(out.end(), text.begin(), text.end());
  out.push_back('\n');
}

Journal parse_journal(Bytes bytes) {
  Journal journal;
  std::string_view rest = as_text(bytes);
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    auto entry = parse_line(rest.substr(0, end));
    if (entry) {
      journal.entries.push_back(*std::move(entry));
    } else {
      ++journal.unknown;
    }
  }
  journal.torn = !rest.empty();
  journal.whole_size = bytes.size() - rest.size();
  return journal;
}

}  // namespace holdfast::storage
