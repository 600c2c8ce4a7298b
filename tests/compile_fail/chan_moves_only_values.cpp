// A value that cannot be copied has to be moved into a channel.
// expect: no matching|deleted|cannot bind
#include <gofer/chan.hpp>
#include <memory>

void sends(const gofer::chan<std::unique_ptr<int>>& c, const std::unique_ptr<int>& p) { c.send(p); }
