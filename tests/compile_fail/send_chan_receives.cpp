// expect: no member named .recv.
#include <gofer/chan.hpp>

void receives(gofer::send_chan<int> c) { c.recv(); }
