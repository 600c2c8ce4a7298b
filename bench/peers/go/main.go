// The work of bench/common/harness.hpp in Go: the same benchmarks, arguments and lines. The two must be changed together.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var benchmarks = []struct {
	name string
	n    int
	work func(n int)
}{
	{"switch", 5_000_000, yields},
	{"spawn1", 1_000_000, spawnOne},
	{"spawn1000", 1_000_000, spawnMany},
	{"pingpong", 1_000_000, pingPong},
	{"buf128", 10_000_000, buffered},
	{"mpmc", 4_000_000, mpmc},
	{"select4", 2_000_000, selecting},
	{"mutex1", 50_000_000, lock},
	{"mutex8", 4_000_000, contended},
	{"mutex8y", 1_000_000, held},
	{"wg4", 10_000_000, counting},
	{"timer", 5_000_000, resetting},
	{"ctxtree", 100_000, cancelling},
	{"skynet", 1_000_000, skynetRoot},
	{"sleep", 100_000, sleepers},
	{"ticks", 3_000, ticking},
	{"mem", 1_000_000, parked},
	{"growth_goroutines", 1000, growthGoroutines}, // growth.go
	{"growth_timers", 1000, growthTimers},
	{"growth_waiters", 1000, growthWaiters},
	{"echo", 0, echo}, // n: the port; servers.go
	{"http", 0, serveHTTP},
	{"defer", 100, deferred}, // n: percent, as bench/defer/defer_bench.cpp
}

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		usage()
	}
	workers := number(os.Args[2])
	n := 0
	if len(os.Args) == 4 {
		n = number(os.Args[3])
	}
	for _, b := range benchmarks {
		if b.name != os.Args[1] {
			continue
		}
		if n == 0 {
			n = b.n
		}
		runtime.GOMAXPROCS(workers)
		b.work(n)
		return
	}
	fmt.Fprintf(os.Stderr, "%s: there is no benchmark %s; there are", os.Args[0], os.Args[1])
	for _, b := range benchmarks {
		fmt.Fprintf(os.Stderr, " %s", b.name)
	}
	fmt.Fprintln(os.Stderr)
	os.Exit(2)
}

func usage() {
	fmt.Fprintf(os.Stderr, "usage: %s BENCH WORKERS [N]; WORKERS and N are positive numbers\n", os.Args[0])
	os.Exit(2)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		usage()
	}
	return n
}

func show(name string, value float64, unit string) { fmt.Printf("%s %.3f %s\n", name, value, unit) }

func nsPer(start time.Time, n int) float64 {
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

// Wrong results end the program: a fast way to a wrong sum is no benchmark.
func expect(right bool, bench string) {
	if !right {
		fmt.Fprintf(os.Stderr, "%s: the result is wrong\n", bench)
		os.Exit(1)
	}
}

func sumBelow(n int) int64 { return int64(n) * int64(n-1) / 2 }

func residentBytes() float64 {
	text, _ := os.ReadFile("/proc/self/statm")
	pages := 0
	if fields := strings.Fields(string(text)); len(fields) > 1 {
		pages, _ = strconv.Atoi(fields[1])
	}
	return float64(pages * os.Getpagesize())
}

// The most memory that this program has had. Getrusage's would be that of whoever started it, if he had more.
func peakBytes() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kilobytes, _ := strconv.Atoi(fields[1])
			return float64(kilobytes) * 1024
		}
	}
	return 0
}

func usageOf() syscall.Rusage {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r
}

func cpuMs() float64 {
	r := usageOf()
	return float64(r.Utime.Sec+r.Stime.Sec)*1e3 + float64(r.Utime.Usec+r.Stime.Usec)/1e3
}

func yields(n int) {
	var wg sync.WaitGroup
	wg.Add(2)
	start := time.Now()
	for i := 0; i < 2; i++ {
		go func() {
			for k := 0; k < n; k++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	show("switch", nsPer(start, 2*n), "ns/yield")
}

func spawnOne(n int) {
	var wg sync.WaitGroup
	start := time.Now()
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() { wg.Done() }()
		wg.Wait()
	}
	show("spawn1", nsPer(start, n), "ns/task")
}

func spawnMany(n int) {
	batches := n / 1000
	if batches == 0 {
		batches = 1
	}
	var wg sync.WaitGroup
	start := time.Now()
	for b := 0; b < batches; b++ {
		wg.Add(1000)
		for i := 0; i < 1000; i++ {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	show("spawn1000", nsPer(start, batches*1000), "ns/task")
}

func pingPong(n int) {
	there, back := make(chan int64), make(chan int64)
	var sum int64
	var wg sync.WaitGroup
	wg.Add(2)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			there <- int64(i)
			sum += <-back
		}
		wg.Done()
	}()
	go func() {
		for i := 0; i < n; i++ {
			back <- <-there
		}
		wg.Done()
	}()
	wg.Wait()
	expect(sum == sumBelow(n), "pingpong")
	show("pingpong", nsPer(start, n), "ns/roundtrip")
}

func buffered(n int) {
	c := make(chan int64, 128)
	var sum int64
	var wg sync.WaitGroup
	wg.Add(2)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			c <- int64(i)
		}
		wg.Done()
	}()
	go func() {
		for i := 0; i < n; i++ {
			sum += <-c
		}
		wg.Done()
	}()
	wg.Wait()
	expect(sum == sumBelow(n), "buf128")
	show("buf128", nsPer(start, n), "ns/item")
}

func mpmc(n int) {
	each := n / 4
	if each == 0 {
		each = 1
	}
	c := make(chan int64, 128)
	var sum int64
	var wg sync.WaitGroup
	wg.Add(8)
	start := time.Now()
	for i := 0; i < 4; i++ {
		go func() {
			for k := 0; k < each; k++ {
				c <- int64(k)
			}
			wg.Done()
		}()
		go func() {
			var mine int64
			for k := 0; k < each; k++ {
				mine += <-c
			}
			atomic.AddInt64(&sum, mine)
			wg.Done()
		}()
	}
	wg.Wait()
	expect(sum == 4*sumBelow(each), "mpmc")
	show("mpmc", nsPer(start, 4*each), "ns/item")
}

var locked int // a global, so that it stays in memory

func lock(n int) {
	var mu sync.Mutex
	start := time.Now()
	for i := 0; i < n; i++ {
		mu.Lock()
		locked++
		mu.Unlock()
	}
	expect(locked == n, "mutex1")
	show("mutex1", nsPer(start, n), "ns/op")
}

func selecting(n int) {
	each := n / 4
	if each == 0 {
		each = 1
	}
	var from [4]chan int64
	for i := range from {
		from[i] = make(chan int64)
	}
	var sum int64
	var wg sync.WaitGroup
	wg.Add(5)
	start := time.Now()
	for i := range from {
		c := from[i]
		go func() {
			for k := 0; k < each; k++ {
				c <- int64(k)
			}
			wg.Done()
		}()
	}
	go func() {
		for k := 0; k < 4*each; k++ {
			select {
			case v := <-from[0]:
				sum += v
			case v := <-from[1]:
				sum += v
			case v := <-from[2]:
				sum += v
			case v := <-from[3]:
				sum += v
			}
		}
		wg.Done()
	}()
	wg.Wait()
	expect(sum == 4*sumBelow(each), "select4")
	show("select4", nsPer(start, 4*each), "ns/item")
}

func lockByEight(name string, n int, yield bool) {
	each := n / 8
	if each == 0 {
		each = 1
	}
	var mu sync.Mutex
	count := 0
	var wg sync.WaitGroup
	wg.Add(8)
	start := time.Now()
	for i := 0; i < 8; i++ {
		go func() {
			for k := 0; k < each; k++ {
				mu.Lock()
				count++
				if yield {
					runtime.Gosched()
				}
				mu.Unlock()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	expect(count == 8*each, name)
	show(name, nsPer(start, 8*each), "ns/op")
}

func contended(n int) { lockByEight("mutex8", n, false) }

func held(n int) { lockByEight("mutex8y", n, true) }

func counting(n int) {
	each := n / 4
	if each == 0 {
		each = 1
	}
	var counted, wg sync.WaitGroup
	wg.Add(4)
	start := time.Now()
	for i := 0; i < 4; i++ {
		go func() {
			for k := 0; k < each; k++ {
				counted.Add(1)
				counted.Done()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	counted.Wait()
	show("wg4", nsPer(start, 4*each), "ns/pair")
}

func resetting(n int) {
	t := time.NewTimer(time.Hour)
	start := time.Now()
	for i := 0; i < n; i++ {
		t.Reset(time.Hour)
	}
	show("timer", nsPer(start, n), "ns/reset")
	t.Stop()
}

func cancelling(n int) {
	start := time.Now()
	root, cancel := context.WithCancel(context.Background())
	nodes := make([]context.Context, 0, n)
	for i := 0; i < n; i++ {
		parent := root
		if i >= 100 {
			parent = nodes[i%100]
		}
		ctx, _ := context.WithCancel(parent) // its parent cancels it
		nodes = append(nodes, ctx)
	}
	show("ctxtree_make", nsPer(start, n), "ns/context")
	start = time.Now()
	cancel()
	show("ctxtree_cancel", nsPer(start, n), "ns/context")
	for _, ctx := range nodes {
		expect(ctx.Err() != nil, "ctxtree")
	}
}

func skynet(up chan int64, first, size int64) {
	if size < 10 {
		up <- first
		return
	}
	children := make(chan int64)
	for i := int64(0); i < 10; i++ {
		go skynet(children, first+i*(size/10), size/10)
	}
	var sum int64
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	up <- sum
}

func skynetRoot(n int) {
	leaves := 1
	for leaves*10 <= n {
		leaves *= 10
	}
	result := make(chan int64)
	start := time.Now()
	go skynet(result, 0, int64(leaves))
	sum := <-result
	ms := nsPer(start, 1e6)
	expect(sum == sumBelow(leaves), "skynet")
	show("skynet", ms, "ms")
	show("skynet_rss", peakBytes()/1048576, "MB")
}

func sleepers(n int) {
	var wg sync.WaitGroup
	wg.Add(n)
	cpuBefore := cpuMs()
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			for k := 0; k < 10; k++ {
				time.Sleep(time.Millisecond)
			}
			wg.Done()
		}()
	}
	wg.Wait()
	show("sleep_total", nsPer(start, 1e6), "ms")
	show("sleep_cpu", cpuMs()-cpuBefore, "cpu-ms")
}

func ticking(n int) {
	hogs := 2 * runtime.GOMAXPROCS(0)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Add(hogs)
	for i := 0; i < hogs; i++ {
		go func() {
			for !stop.Load() {
			}
			wg.Done()
		}()
	}
	took := make([]float64, 0, n)
	for i := 0; i < n; i++ {
		start := time.Now()
		time.Sleep(time.Millisecond)
		took = append(took, nsPer(start, 1e6))
	}
	stop.Store(true)
	wg.Wait()
	sort.Float64s(took)
	at := func(part float64) float64 { return took[int(part*float64(n-1))] }
	show("tick_p50", at(0.5), "ms")
	show("tick_p99", at(0.99), "ms")
	show("tick_p999", at(0.999), "ms")
}

func parked(n int) {
	gate := make(chan int64)
	var started sync.WaitGroup
	started.Add(n)
	before := residentBytes()
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			started.Done()
			<-gate
		}()
	}
	started.Wait()
	ns := nsPer(start, n)
	show("mem_rss", (residentBytes()-before)/float64(n), "B/goroutine")
	show("mem_create", ns, "ns/goroutine")
	os.Exit(0)
}
