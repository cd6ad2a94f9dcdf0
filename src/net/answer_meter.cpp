#include "net/answer_meter.hpp"

namespace portcullis::net {
namespace {

/// Where a connection keeps its count: in the pointer itself, so that nothing has to be freed.
int count_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::uint64_t read_count(const SSL* session) {
  return reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(session, count_index()));
}

void write_count(SSL* session, std::uint64_t count) {
  SSL_set_ex_data(session, count_index(), reinterpret_cast<void*>(std::uintptr_t{count}));
}

}  // namespace

void AnswerMeter::attach(SSL_CTX* context) {
  count_index();
  SSL_CTX_set_msg_callback(context, count);
  SSL_CTX_set_msg_callback_arg(context, this);
}

/// OpenSSL shows each record's header of five bytes, its length in the last two; and in TLS 1.3,
/// where headers hide it, what kind a record really is. A key update that the server asks for is
/// nothing that we said.
void AnswerMeter::count(int is_write, int /*version*/, int type, const void* bytes,
                        std::size_t size, SSL* session, void* meter) {
  const auto* const at = static_cast<const unsigned char*>(bytes);
  const bool is_header = type == SSL3_RT_HEADER && size == SSL3_RT_HEADER_LENGTH;
  if (is_write != 0) {
    const bool tells_kind = SSL_version(session) == TLS1_3_VERSION
                                ? type == SSL3_RT_INNER_CONTENT_TYPE && size == 1
                                : is_header;
    if (tells_kind && at[0] == SSL3_RT_APPLICATION_DATA) write_count(session, 0);
    return;
  }
  if (!is_header) return;
  const std::uint64_t before = read_count(session);
  const std::uint64_t now = before + size + (std::uint64_t{at[3]} << 8) + at[4];
  write_count(session, now);
  auto& self = *static_cast<AnswerMeter*>(meter);
  if (now <= self.limit_) return;
  if (before <= self.limit_) ++self.cuts_;
  // As if the server had ended its side: every later read gives nothing but an error.
  SSL_set_shutdown(session, SSL_get_shutdown(session) | SSL_RECEIVED_SHUTDOWN);
}

}  // namespace portcullis::net
