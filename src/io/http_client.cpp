#include "io/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/check.hpp"

namespace holdfast::io {
namespace {

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using Multi = std::unique_ptr<CURLM, MultiDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

// libcurl's process-wide state, set up once and kept: it is not to be torn down while any thread might use
// it.
void initialize_curl() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) std::abort();
}

// "example.org:8443" of "https://user:pw@example.org:8443/path?query": what an error may show.
std::string_view authority_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return "(no host)";
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const auto user = url.rfind('@');
  return user == std::string_view::npos ? url : url.substr(user + 1);
}

bool has_line_break(const HttpHeader& header) {
  constexpr std::string_view breaks("\r\n\0", 3);
  return header.name.find_first_of(breaks) != std::string::npos ||
         header.value.find_first_of(breaks) != std::string::npos;
}

ErrorCode code_of(CURLcode result) {
  switch (result) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return ErrorCode::invalid;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::unavailable;
    case CURLE_PEER_FAILED_VERIFICATION:
      return ErrorCode::refused;
    default:
      return ErrorCode::io;
  }
}

// One request under way. curl keeps pointers into it, so it stays where it is.
class Transfer {
 public:
  Transfer(HttpRequest request, Executor& executor, HttpClient::Completion completion)
      : request_(std::move(request)),
        executor_(executor),
        completion_(std::move(completion)),
        easy_(curl_easy_init()) {}

  // False: the request is not fit to be sent; complete() says so.
  bool prepare();
  void complete(CURLcode result);
  CURL* easy() const { return easy_.get(); }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    if (curl_easy_setopt(easy_.get(), option, value) != CURLE_OK) fit_ = false;
  }
  bool take(std::size_t size);
  Error describe(CURLcode result) const;

  static std::size_t write_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t write_header(char* data, std::size_t size, std::size_t count, void* self);

  HttpRequest request_;
  Executor& executor_;
  HttpClient::Completion completion_;
  HttpResponse response_;
  std::size_t taken_ = 0;
  bool too_large_ = false;
  bool fit_ = true;
  List headers_;
  Easy easy_;  // last, so that it goes first
};

bool Transfer::prepare() {
  if (easy_ == nullptr || std::ranges::any_of(request_.headers, has_line_break)) return false;
  for (const HttpHeader& header : request_.headers) {
    // "Name;" is curl's way to write an empty value.
    const std::string line = header.value.empty() ? header.name + ';' : header.name + ": " + header.value;
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return false;
    std::ignore = headers_.release();  // it is part of `longer`
    headers_.reset(longer);
  }
  const bool follow = request_.redirects == Redirects::follow;
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, follow ? 1L : 0L);
  set(CURLOPT_MAXREDIRS, 5L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, to_milliseconds(request_.timeout))));
  set(CURLOPT_HTTPHEADER, headers_.get());
  set(CURLOPT_USERAGENT, "holdfast");
  if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT") {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.c_str());
  }
  // Last: it only renames the method, which the lines above would set.
  if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else {
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  set(CURLOPT_WRITEFUNCTION, &write_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_HEADERFUNCTION, &write_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  return fit_;
}

bool Transfer::take(std::size_t size) {
  taken_ += size;
  if (taken_ > request_.max_response_bytes) too_large_ = true;
  return !too_large_;
}

std::size_t Transfer::write_body(char* data, std::size_t, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (!transfer.take(count)) return 0;
  transfer.response_.body.append(data, count);
  return count;
}

std::size_t Transfer::write_header(char* data, std::size_t, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (!transfer.take(count)) return 0;
  const std::string_view line(data, count);
  // A new status line: after 100 Continue or a redirect the fields of the response before are void.
  if (line.starts_with("HTTP/")) transfer.response_.headers.clear();
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return count;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string_view value = line.substr(colon + 1);
  const auto first = value.find_first_not_of(" \t\r\n");
  const auto last = value.find_last_not_of(" \t\r\n");
  value = first == std::string_view::npos ? "" : value.substr(first, last - first + 1);
  transfer.response_.headers.push_back({std::move(name), std::string(value)});
  return count;
}

Error Transfer::describe(CURLcode result) const {
  const std::string_view authority = authority_of(request_.url);
  if (too_large_) {
    return {ErrorCode::io, fmt::format("the response of {} is larger than {} bytes", authority,
                                       request_.max_response_bytes)};
  }
  return {code_of(result), fmt::format("cannot reach {}: {}", authority, curl_easy_strerror(result))};
}

void Transfer::complete(CURLcode result) {
  Result<HttpResponse> outcome;
  if (result == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    outcome = std::move(response_);
  } else {
    outcome = std::unexpected(describe(result));
  }
  executor_.post([completion = std::move(completion_), outcome = std::move(outcome)]() mutable {
    completion(std::move(outcome));
  });
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl() {
    initialize_curl();
    multi_.reset(curl_multi_init());
    if (multi_ == nullptr) std::abort();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Impl() {
    thread_.request_stop();
    curl_multi_wakeup(multi_.get());
    thread_.join();
    for (const auto& [easy, transfer] : transfers_) curl_multi_remove_handle(multi_.get(), easy);
  }

  void send(std::unique_ptr<Transfer> transfer) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_.get());
  }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      start_waiting();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      complete_finished();
      // curl's own timers shorten the wait; curl_multi_wakeup() ends it.
      curl_multi_poll(multi_.get(), nullptr, 0, 60'000, nullptr);
    }
  }

  void start_waiting() {
    owner_.check();
    std::vector<std::unique_ptr<Transfer>> starting;
    {
      const std::lock_guard lock(mutex_);
      starting.swap(waiting_);
    }
    for (auto& transfer : starting) {
      if (!transfer->prepare() || curl_multi_add_handle(multi_.get(), transfer->easy()) != CURLM_OK) {
        transfer->complete(CURLE_URL_MALFORMAT);
        continue;
      }
      CURL* easy = transfer->easy();
      transfers_.emplace(easy, std::move(transfer));
    }
  }

  void complete_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode result = message->data.result;  // the message dies with the handle's removal
      curl_multi_remove_handle(multi_.get(), easy);
      const auto node = transfers_.extract(easy);
      node.mapped()->complete(result);
    }
  }

  ThreadOwner owner_;  // thread_
  Multi multi_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> transfers_;  // of the thread
  std::mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> waiting_;  // guarded by mutex_
  std::jthread thread_;
};

HttpClient::HttpClient() : impl_(std::make_unique<Impl>()) {}
HttpClient::~HttpClient() = default;

void HttpClient::send(HttpRequest request, Executor& executor, Completion completion) {
  impl_->send(std::make_unique<Transfer>(std::move(request), executor, std::move(completion)));
}

}  // namespace holdfast::io
