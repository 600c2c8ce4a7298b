#include "runtime/tls/wire.hpp"

#include <algorithm>
#include <cstring>

namespace gofer::tls::detail {

namespace {

wire& wire_of(BIO* bio) { return *static_cast<wire*>(BIO_get_data(bio)); }

int take(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  wire& w = wire_of(bio);
  BIO_clear_retry_flags(bio);
  *got = std::min(size, w.in.size() - w.taken);
  if (*got == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(into, w.in.data() + w.taken, *got);
  w.taken += *got;
  return 1;
}

int put(BIO* bio, const char* from, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  wire_of(bio).out.append(from, size);
  *done = size;
  return 1;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* make_method() {
  BIO_METHOD* m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "gofer");
  BIO_meth_set_read_ex(m, take);
  BIO_meth_set_write_ex(m, put);
  BIO_meth_set_ctrl(m, control);
  return m;
}

}  // namespace

BIO* new_wire_bio(wire& w) {
  static BIO_METHOD* const method = make_method();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, &w);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace gofer::tls::detail
