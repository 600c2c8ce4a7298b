// Cost as work grows: the work of bench/common/growth.hpp.
package main

import (
	"sync"
	"time"
)

func repeat(name string, n int, once func() time.Duration) {
	start := time.Now()
	var took time.Duration
	rounds := 0
	for rounds == 0 || time.Since(start) < 100*time.Millisecond {
		took += once()
		rounds++
	}
	show(name, float64(took.Nanoseconds())/float64(rounds)/float64(n), "ns/each")
}

// waiting starts n goroutines that wait for the gate to be closed, and waits until all of them run.
func waiting(n int, gate chan int64, ended *sync.WaitGroup) {
	var started sync.WaitGroup
	started.Add(n)
	ended.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			started.Done()
			<-gate
			ended.Done()
		}()
	}
	started.Wait()
}

func growthGoroutines(n int) {
	repeat("goroutines", n, func() time.Duration {
		gate := make(chan int64)
		var ended sync.WaitGroup
		start := time.Now()
		waiting(n, gate, &ended)
		close(gate)
		ended.Wait()
		return time.Since(start)
	})
}

func growthTimers(n int) {
	repeat("timers", n, func() time.Duration {
		armed := make([]*time.Timer, 0, n)
		start := time.Now()
		for i := 0; i < n; i++ {
			armed = append(armed, time.NewTimer(time.Hour+time.Duration(i%1000)*time.Microsecond))
		}
		for _, t := range armed {
			t.Stop()
		}
		return time.Since(start)
	})
}

func growthWaiters(n int) {
	repeat("waiters", n, func() time.Duration {
		gate := make(chan int64)
		var ended sync.WaitGroup
		waiting(n, gate, &ended)
		start := time.Now()
		close(gate)
		ended.Wait()
		return time.Since(start)
	})
}
