#pragma once

namespace gofer::sched {

/// What fork does to the runtime (fork.cpp); once per process, before the first worker.
void install_fork_handlers();

}  // namespace gofer::sched
