#include "journal/line.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <tuple>
#include <utility>

#include "base/crc32c.hpp"

namespace holdfast::journal {
namespace {

namespace json = boost::json;

// A field's name in the journal and its place in the event: read and written by the same list.
template <typename Kind, typename Value>
struct Field {
  const char* name;
  Value Kind::* member;
};

template <typename Kind>
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
struct Describe<ChecksumEvent> {
  static constexpr const char* name = "checksum";
  static constexpr auto fields =
      std::tuple{Field{"part", &ChecksumEvent::part}, Field{"from", &ChecksumEvent::from},
                 Field{"to", &ChecksumEvent::to}, Field{"crc32c", &ChecksumEvent::crc32c}};
};
template <>
struct Describe<UnsafeEvent> {
  static constexpr const char* name = "unsafe";
  static constexpr auto fields =
      std::tuple{Field{"part", &UnsafeEvent::part}, Field{"from", &UnsafeEvent::from},
                 Field{"to", &UnsafeEvent::to}, Field{"error", &UnsafeEvent::error}};
};
template <>
struct Describe<MarkerEvent> {
  static constexpr const char* name = "marker";
  static constexpr auto fields = std::tuple{Field{"text", &MarkerEvent::text}};
};
template <>
struct Describe<TrimmedEvent> {
  static constexpr const char* name = "trimmed";
  static constexpr auto fields =
      std::tuple{Field{"part", &TrimmedEvent::part}, Field{"bytes", &TrimmedEvent::bytes},
                 Field{"cut", &TrimmedEvent::cut}, Field{"kept_as", &TrimmedEvent::kept_as}};
};
template <>
struct Describe<ResumedEvent> {
  static constexpr const char* name = "resumed";
  static constexpr auto fields = std::tuple{Field{"program", &ResumedEvent::program}};
};
template <>
struct Describe<ReplacedEvent> {
  static constexpr const char* name = "replaced";
  static constexpr auto fields =
      std::tuple{Field{"part", &ReplacedEvent::part}, Field{"bytes", &ReplacedEvent::bytes},
                 Field{"crc32c", &ReplacedEvent::crc32c}, Field{"reason", &ReplacedEvent::reason}};
};
template <>
struct Describe<ProtectEvent> {
  static constexpr const char* name = "protect";
  static constexpr auto fields = std::tuple{Field{"on", &ProtectEvent::on}};
};
template <>
struct Describe<EndEvent> {
  static constexpr const char* name = "end";
  static constexpr auto fields =
      std::tuple{Field{"reason", &EndEvent::reason}, Field{"duration", &EndEvent::duration},
                 Field{"bytes", &EndEvent::bytes}, Field{"parts", &EndEvent::parts}};
};

template <>
struct Describe<RemovedEvent> {
  static constexpr const char* name = "removed";
  static constexpr auto fields = std::tuple{Field{"recording_id", &RemovedEvent::recording_id},
                                            Field{"mint_id", &RemovedEvent::mint_id},
                                            Field{"files", &RemovedEvent::files},
                                            Field{"bytes", &RemovedEvent::bytes},
                                            Field{"start", &RemovedEvent::start},
                                            Field{"end", &RemovedEvent::end},
                                            Field{"reason", &RemovedEvent::reason}};
};
template <>
struct Describe<RemovalDoneEvent> {
  static constexpr const char* name = "removal_done";
  static constexpr auto fields = std::tuple{Field{"removal", &RemovalDoneEvent::removal}};
};

template <typename Value>
void read_field(const json::value& from, Value& to) {
  if constexpr (std::is_same_v<Value, std::string>) {
    if (const auto* text = from.if_string()) to.assign(text->data(), text->size());
  } else if constexpr (std::is_same_v<Value, EndReason>) {
    if (const auto* text = from.if_string()) to = parse_end_reason({text->data(), text->size()});
  } else if constexpr (std::is_same_v<Value, PartReason>) {
    if (const auto* text = from.if_string()) to = parse_part_reason({text->data(), text->size()});
  } else if constexpr (std::is_same_v<Value, bool>) {
    if (const bool* value = from.if_bool()) to = *value;
  } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
    if (const auto* list = from.if_array()) {
      for (const json::value& element : *list) read_field(element, to.emplace_back());
    }
  } else if (from.is_number()) {
    json::error_code error;
    const auto number = from.to_number<Value>(error);
    if (!error) to = number;
  }
}

template <typename Value>
json::value write_field(const Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    return json::value(to_string(value));
  } else {
    return json::value_from(value);
  }
}

template <typename Kind>
void write_fields(const Kind& event, json::object& out) {
  std::apply([&](const auto&... field) { ((out[field.name] = write_field(event.*field.member)), ...); },
             Describe<Kind>::fields);
}

template <typename Kind>
Kind read_fields(const json::object& from) {
  Kind event;
  const auto read = [&](const auto& field) {
    if (const json::value* value = from.if_contains(field.name)) read_field(*value, event.*field.member);
  };
  std::apply([&](const auto&... field) { (read(field), ...); }, Describe<Kind>::fields);
  return event;
}

// The event of that name; nothing if none of ours has it.
template <std::size_t index = 0>
std::optional<Event> read_event(std::string_view name, const json::object& from) {
  if constexpr (index == std::variant_size_v<Event>) {
    return std::nullopt;
  } else {
    using Kind = std::variant_alternative_t<index, Event>;
    if (name == Describe<Kind>::name) return read_fields<Kind>(from);
    return read_event<index + 1>(name, from);
  }
}

// Every line ends in this, and in front of it is what the CRC covers.
constexpr std::string_view crc_key = ",\"crc\":\"";
constexpr std::string_view crc_end = "\"}";
constexpr std::size_t crc_size = crc_key.size() + 8 + crc_end.size();

bool is_intact(std::string_view line) {
  if (line.size() < crc_size) return false;
  const std::string_view end = line.substr(line.size() - crc_size);
  line.remove_suffix(crc_size);
  return end.starts_with(crc_key) && end.ends_with(crc_end) &&
         end.substr(crc_key.size(), 8) == format_crc32c(crc32c(as_bytes(line)));
}

}  // namespace

Line parse_line(std::string_view line, Entry& entry) {
  if (!is_intact(line)) return Line::damaged;
  json::error_code error;
  const json::value value = json::parse({line.data(), line.size()}, error);
  const json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return Line::damaged;
  std::string wall_text, name;
  if (const auto* number = object->if_contains("n")) read_field(*number, entry.number);
  if (const auto* wall = object->if_contains("wall")) read_field(*wall, wall_text);
  if (const auto* pts = object->if_contains("pts")) read_field(*pts, entry.pts);
  if (const auto* event = object->if_contains("event")) read_field(*event, name);
  const auto wall = parse_rfc3339(wall_text);
  if (!wall || name.empty() || entry.number == 0) return Line::damaged;
  entry.wall = *wall;
  auto event = read_event(name, *object);
  if (!event) return Line::unknown;
  entry.event = *std::move(event);
  return Line::known;
}

void serialize(const Entry& entry, ByteVector& out) {
  json::object line;
  line["n"] = entry.number;
  line["wall"] = format_rfc3339(entry.wall);
  line["pts"] = entry.pts;
  std::visit(
      [&]<typename Kind>(const Kind& event) {
        line["event"] = Describe<Kind>::name;
        write_fields(event, line);
      },
      entry.event);
  std::string text = json::serialize(line);
  text.pop_back();  // the brace, which comes after the CRC
  const std::string crc = format_crc32c(crc32c(as_bytes(text)));
  text.append(crc_key).append(crc).append(crc_end).push_back('\n');
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace holdfast::journal
