// expect: no member named .send.
#include <gofer/chan.hpp>

void sends(gofer::recv_chan<int> c) { c.send(1); }
