#pragma once

// What --help says after the options of each command: examples, and exit statuses for scripts.
namespace holdfast::app {

inline constexpr const char* program_footer = R"(Examples:
  holdfast serve --livekit-url wss://livekit.example.org --livekit-api-key KEY --livekit-api-secret SECRET
  curl -X POST http://127.0.0.1:8000/api/recording/start/my-stream
  curl -X POST http://127.0.0.1:8000/api/recording/stop/my-stream

Run 'holdfast COMMAND --help' for details.)";

inline constexpr const char* serve_footer =
    R"(Every setting is also a key of the TOML file (--livekit-url is livekit_url, --token-endpoint-url is
url under [token_endpoint]) and an environment variable (HOLDFAST_LIVEKIT_URL). A flag overrides the environment variable,
and the environment variable overrides the file. Do not put secrets in flags: other users of the machine can read them.

Examples:
  holdfast serve                                  accept WHIP streams at http://127.0.0.1:8000/whip/NAME
  holdfast serve --config /etc/holdfast/holdfast.toml
  HOLDFAST_API_TOKEN=... holdfast serve --listen 0.0.0.0:8000 --allowed-hosts record.example.org)";

inline constexpr const char* record_footer = R"(Examples:
  holdfast record --livekit-url ws://127.0.0.1:7880 --livekit-api-key devkey --livekit-api-secret secret --room demo
  holdfast record --livekit-url wss://livekit.example.org --token TOKEN --room demo --duration 10m
  holdfast record --config site.toml --mint-id MINT    with the site's token endpoint in site.toml

Ctrl+C ends the recording and completes the file within 2 s. A second Ctrl+C exits immediately.)";

inline constexpr const char* publish_footer = R"(Examples:
  holdfast publish http://127.0.0.1:8000/whip/demo
  holdfast publish http://127.0.0.1:8000/whip/demo --video vp8 --keyframes on-request    as a browser does
  holdfast publish http://127.0.0.1:8000/whip/load{n} --count 20 --input clip.mkv --quiet)";

inline constexpr const char* export_footer = R"(Examples:
  holdfast export recordings/demo_20261122T164501.250Z.ts demo.mp4

Media is copied without re-encoding. A recording in progress is exported up to its current end.)";

inline constexpr const char* reindex_footer = R"(Examples:
  holdfast reindex recordings

The catalog is built from the journals in the folder and can be rebuilt at any time, also while a service uses the folder.
Exit status: 0 done; 1 failed; 2 wrong arguments; 3 done, but some journals cannot be read.)";

inline constexpr const char* prune_footer = R"(Examples:
  holdfast prune recordings --keep-days 30 --dry-run
  holdfast prune recordings --keep-bytes 500GB --keep-free 20GB
  holdfast prune --config /etc/holdfast/holdfast.toml    with the folder and the limits of that file

Deletes the recordings that ended first. Active and protected recordings are never deleted. See docs/retention.md.
Exit status: 0 done; 1 failed; 2 wrong arguments; 3 done, but a limit is still exceeded and nothing else may be deleted.)";
inline constexpr const char* verify_footer = R"(Examples:
  holdfast verify recordings/demo_20261122T164501.250Z.ts
  holdfast verify --quiet recordings                    for cron: prints only damaged or unreadable recordings

Reads every file once and checks it against the checksums in its journal and the rules of its format.
Exit status: 0 no damage (whole; whole, not checksummed; interrupted; active); 1 damage was found;
2 wrong arguments, or a file could not be read. See docs/verify.md.)";

inline constexpr const char* inspect_footer = R"(Examples:
  holdfast inspect recordings/demo_20261122T164501.250Z.ts
  holdfast inspect --json recordings | jq .duration

Reads the journal, not the media; for a file without a journal, the structure of the file. The bar at the end shows the
recording over time: # media, + partly a gap, . gap, m muted (block characters if the locale is UTF-8).)";

inline constexpr const char* repair_footer = R"(Examples:
  holdfast repair demo.ts                      writes demo_repaired.ts and its journal
  holdfast repair old.h264 -o old.ts --fps 25  for raw H.264, which has no timestamps

Never changes the input. From a damaged MPEG-TS the incomplete frames are left out, from a truncated MP4 or Matroska file
the incomplete fragment or cluster; all other media keeps its bytes and its timestamps. For an undamaged file without a
journal, only the journal is written. Anything left out is printed and recorded in the journal. See docs/verify.md.)";

inline constexpr const char* completion_footer = R"(Examples:
  source <(holdfast completion bash)                                     in ~/.bashrc
  source <(holdfast completion zsh)                                      in ~/.zshrc, after compinit
  holdfast completion fish > ~/.config/fish/completions/holdfast.fish

The Debian package installs all three.)";

}  // namespace holdfast::app
