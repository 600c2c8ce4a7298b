// A directional view does not turn back into the channel.
// expect: conver
#include <gofer/chan.hpp>

gofer::chan<int> widens(gofer::recv_chan<int> c) { return c; }
