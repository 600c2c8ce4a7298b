// Deferred calls, panics and Goexit: the work of bench/defer/defer_bench.cpp, whose functions are in
// bench/defer/subjects.hpp.
package main

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

var counter int64

//go:noinline
func count() { counter++ }

//go:noinline
func directCall() { count() }

//go:noinline
func openDefer() { defer count() }

//go:noinline
func openDefer3() {
	defer count()
	defer count()
	defer count()
}

//go:noinline
func closureDefer(x int64) (r int64) {
	defer func() { r += x }()
	return x
}

// In a loop a defer is not open-coded: a record each, on the goroutine's list.
//
//go:noinline
func listDefer(n int) {
	for i := 0; i < n; i++ {
		defer count()
	}
}

//go:noinline
func recoverWithoutPanic() {
	defer func() { recover() }()
	count()
}

//go:noinline
func recovering(depth int, f func(int)) {
	defer func() {
		if recover() == nil {
			panic("there was no panic")
		}
	}()
	f(depth)
}

//go:noinline
func deepPanic(depth int) {
	if depth <= 1 {
		panic("x")
	}
	deepPanic(depth - 1)
	count()
}

//go:noinline
func deepPanicDefers(depth int) {
	defer count()
	if depth <= 1 {
		panic("x")
	}
	deepPanicDefers(depth - 1)
	count()
}

//go:noinline
func deepGoexit(depth int) {
	defer count()
	if depth <= 1 {
		runtime.Goexit()
	}
	deepGoexit(depth - 1)
	count()
}

// measure times body(n), n rounds of `per` operations, after a tenth of it as a warm-up. The loop is in body: a call through a
// function value in each round would be part of the figure.
func measure(name string, n, per int, body func(n int)) {
	body(n/10 + 1)
	start := time.Now()
	body(n)
	show(name, nsPer(start, n*per), "ns/op")
}

func each(f func()) func(int) {
	return func(n int) {
		for i := 0; i < n; i++ {
			f()
		}
	}
}

func deferred(percent int) {
	debug.SetGCPercent(-1) // garbage of one figure is not collected at the next one's expense
	of := func(n int) int { return n*percent/100 + 1 }
	measure("call_direct", of(100_000_000), 1, func(n int) {
		for i := 0; i < n; i++ {
			directCall()
		}
	})
	measure("defer_open1", of(100_000_000), 1, func(n int) {
		for i := 0; i < n; i++ {
			openDefer()
		}
	})
	measure("defer_open3_each", of(30_000_000), 3, func(n int) {
		for i := 0; i < n; i++ {
			openDefer3()
		}
	})
	measure("defer_closure", of(100_000_000), 1, func(n int) {
		for i := 0; i < n; i++ {
			counter += closureDefer(1)
		}
	})
	measure("defer_loop1", of(20_000_000), 1, func(n int) {
		for i := 0; i < n; i++ {
			listDefer(1)
		}
	})
	measure("defer_loop10_each", of(2_000_000), 10, func(n int) {
		for i := 0; i < n; i++ {
			listDefer(10)
		}
	})
	measure("defer_loop100_each", of(200_000), 100, func(n int) {
		for i := 0; i < n; i++ {
			listDefer(100)
		}
	})
	measure("recover_no_panic", of(50_000_000), 1, func(n int) {
		for i := 0; i < n; i++ {
			recoverWithoutPanic()
		}
	})
	for _, depth := range []int{1, 10, 100} {
		depth := depth
		d := strconv.Itoa(depth)
		n := of(2_000_000 / (depth + 3))
		measure("panic_recover_d"+d, n, 1, each(func() { recovering(depth, deepPanic) }))
		measure("panic_recover_defers_d"+d, n, 1, each(func() { recovering(depth, deepPanicDefers) }))
	}

	done := make(chan int64)
	measure("goroutine_return", of(500_000), 1, each(func() {
		go func() {
			defer func() { done <- 1 }()
		}()
		<-done
	}))
	for _, depth := range []int{1, 10, 100} {
		depth := depth
		measure("goroutine_goexit_d"+strconv.Itoa(depth), of(500_000/depth), 1, each(func() {
			go func() {
				defer func() { done <- 1 }()
				deepGoexit(depth)
			}()
			<-done
		}))
	}
}
