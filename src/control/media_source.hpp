#pragma once

namespace holdfast::control {

class WhipSource;

// Where a recording's media comes from: a LiveKit room, or a WHIP publisher. Control thread.
class MediaSource {
 public:
  virtual ~MediaSource() = default;
  // Says goodbye, so that the other end need not wait for our silence. Nothing is told to the recording from
  // here on; the source should live for 2 * livekit::Room::leave_timeout until the goodbye is out.
  virtual void leave() = 0;
  // The media connection is gone: the source may make another.
  virtual void handle_media_lost() = 0;
  // Null unless a WHIP publisher sends the media.
  virtual WhipSource* whip() { return nullptr; }
};

}  // namespace holdfast::control
