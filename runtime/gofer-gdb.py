# gdb commands for goroutines:
#
#   (gdb) source runtime/gofer-gdb.py
#   (gdb) info goroutines            number, status, what it waits for, name
#   (gdb) goroutine 7 bt             runs a gdb command in goroutine 7; "all" for every goroutine
#   (gdb) goroutine 7                stays in goroutine 7, until "goroutine 0" or until the program goes on
#
# For a goroutine that does not run, the program counters are not in any thread's registers. Setting the registers of a
# thread, as Go's script does, needs a living process and is dangerous when a command fails half-way. So a goroutine is shown
# as what lies below the selected thread's innermost frame: frame 0 is the thread, the goroutine begins at frame 1.
# Works on core files too, the kernel's; gdb's own gcore gives up at the stacks' guard pages.

import gdb
import gdb.unwinder

BOOST_X86_64 = {"r12": 1, "r13": 2, "r14": 3, "r15": 4, "rbx": 5, "rbp": 6, "rip": 7}  # words; sched/switch.cpp
BOOST_SIZE = 8
G_STAGGER = 16  # g_of in sched/stack.cpp
CACHE_LINE = 64


def atomic(value):
    """What a std::atomic holds, in whichever member or base of libstdc++'s it is stored."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        stored = [f for f in value.type.strip_typedefs().fields() if hasattr(f, "bitpos")]
        value = value[stored[0]]
    return value


def lookup(name):
    return gdb.parse_and_eval("'gofer::sched::%s'" % name)


def goroutines():
    """Every g that is not idle, as a gdb.Value of type g."""
    g_type = gdb.lookup_type("gofer::sched::g")
    slab = atomic(lookup("(anonymous namespace)::slabs"))
    found = []
    while int(slab) != 0:
        s = slab.dereference()
        base, stride = int(s["base"]), int(s["stride"])
        for i in range(int(atomic(s["used"]))):
            top = base + stride * (i + 1)
            at = (top - (i % G_STAGGER) * CACHE_LINE - g_type.sizeof) & ~(CACHE_LINE - 1)
            g = gdb.Value(at).cast(g_type.pointer()).dereference()
            if status_of(g) != "idle":
                found.append(g)
        slab = s["next"]
    return sorted(found, key=lambda g: int(g["goid"]))


def status_of(g):
    return str(atomic(g["status"])).split("::")[-1]


def wait_of(g):
    if status_of(g) != "waiting":
        return status_of(g)
    texts = lookup("(anonymous namespace)::texts")["_M_elems"]
    return texts[int(g["waitreason"])].string()


def switched_out(g):
    return status_of(g) in ("waiting", "runnable")


def has_boost_switch():
    return gdb.lookup_global_symbol("gofer::sched::boost_swap(gofer::sched::g*, gofer::sched::g*)") is not None


def saved_registers(g):
    """Name -> value at the moment when g was left."""
    if not has_boost_switch():
        return {"rsp": int(g["sp"]), "rbp": int(g["fp"]), "rip": int(g["pc"])}  # asm_swap in sched/switch.hpp
    words = g["sp"].cast(gdb.lookup_type("unsigned long").pointer())
    registers = {name: int(words[i]) for name, i in BOOST_X86_64.items()}
    registers["rsp"] = int(g["sp"]) + 8 * BOOST_SIZE
    return registers


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class GoroutineUnwinder(gdb.unwinder.Unwinder):
    """Puts the chosen goroutine below the innermost frame of the selected thread."""

    def __init__(self):
        super().__init__("gofer goroutine")
        self.registers = None

    def choose(self, g):
        self.registers = saved_registers(g) if g is not None else None
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.registers is None or pending.level() != 0:
            return None
        sp, pc = pending.read_register("rsp"), pending.read_register("rip")
        info = pending.create_unwind_info(FrameId(sp, pc))
        for name, value in self.registers.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return info


unwinder = GoroutineUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)
gdb.events.cont.connect(lambda event: unwinder.choose(None))


def thread_running(g):
    """The thread whose stack pointer lies on g's stack."""
    lo, hi = int(g["stk"]["lo"]), int(g["stk"]["hi"])
    selected = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if lo <= int(gdb.parse_and_eval("$sp").cast(gdb.lookup_type("unsigned long"))) < hi:
                return thread
    finally:
        selected.switch()
    return None


def creator_of(g):
    if int(g["goid"]) == 1 or int(g["gopc"]) == 0:
        return ""
    line = gdb.find_pc_line(int(g["gopc"]) - 1)
    return " created at %s:%d" % (line.symtab, line.line) if line.symtab is not None else ""


class InfoGoroutines(gdb.Command):
    """List goroutines: number, status or wait reason, name, and where each was made."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        unwinder.choose(None)
        for g in goroutines():
            name = ' "%s"' % g["name"].string() if int(g["name"]) != 0 else ""
            print("goroutine %d [%s]%s%s" % (int(g["goid"]), wait_of(g), name, creator_of(g)))


class Goroutine(gdb.Command):
    """goroutine N [COMMAND]: select goroutine N, or run COMMAND in it; "all" for every one, 0 to go back to the thread."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        if which == "all":
            for g in goroutines():
                print("\ngoroutine %d [%s]:" % (int(g["goid"]), wait_of(g)))
                self.run_in(g, command or "bt")
            return
        if not which.isdigit():
            raise gdb.GdbError("goroutine N [COMMAND], or goroutine all COMMAND")
        unwinder.choose(None)
        if int(which) == 0:
            return
        for g in goroutines():
            if int(g["goid"]) == int(which):
                if command:
                    self.run_in(g, command)
                else:
                    self.select(g)
                return
        raise gdb.GdbError("there is no goroutine %s" % which)

    def select(self, g):
        if switched_out(g):
            unwinder.choose(g)
            gdb.newest_frame().older().select()
            return
        thread = thread_running(g)
        if thread is None:
            raise gdb.GdbError("goroutine %d is %s, on no stack that a thread uses" % (int(g["goid"]), status_of(g)))
        thread.switch()

    def run_in(self, g, command):
        thread = gdb.selected_thread()
        try:
            self.select(g)
            gdb.execute(command)
        except gdb.error as e:
            print("goroutine %d: %s" % (int(g["goid"]), e))
        finally:
            unwinder.choose(None)
            thread.switch()


InfoGoroutines()
Goroutine()
