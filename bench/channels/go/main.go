// The same work as bench/channels/*.ts, on Go's own channels. Usage: main WORK MILLISECONDS, or: main parked COUNT.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func pingPong(count int) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for round := 0; round < count; round++ {
			pong <- <-ping
		}
	}()
	for round := 0; round < count; round++ {
		ping <- round
		if <-pong != round {
			panic("a wrong value")
		}
	}
}

func buffered(count int) {
	channel := make(chan int, 128)
	go func() {
		for value := 0; value < count; value++ {
			channel <- value
		}
		close(channel)
	}()
	next := 0
	for value := range channel {
		if value != next {
			panic("a wrong value")
		}
		next++
	}
	if next != count {
		panic("values are missing")
	}
}

// Both channels always hold a value: each turn takes one of them and puts it back.
func selectReady(count int) {
	left, right := make(chan int, 1), make(chan int, 1)
	left <- 1
	right <- 2
	sum := 0
	for turn := 0; turn < count; turn++ {
		select {
		case value := <-left:
			sum += value
			left <- value
		case value := <-right:
			sum += value
			right <- value
		}
	}
	if sum < count || sum > 2*count {
		panic("a wrong sum")
	}
}

func residentBytes() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		panic(err)
	}
	return pages * os.Getpagesize()
}

func parked(count int) {
	runtime.GC()
	before := residentBytes()
	start, cpuBefore := time.Now(), cpuTime()
	gate := make(chan int)
	var arrived atomic.Int64
	for each := 0; each < count; each++ {
		go func() {
			arrived.Add(1)
			<-gate
		}()
	}
	// All have been started once each has had its turn and waits.
	for arrived.Load() < int64(count) {
		runtime.Gosched()
	}
	elapsed, cpu := time.Since(start), cpuTime()-cpuBefore
	print(map[string]float64{
		"startMs":      float64(elapsed.Nanoseconds()) / 1e6,
		"cpuMs":        float64(cpu.Nanoseconds()) / 1e6,
		"bytesPerTask": float64(residentBytes()-before) / float64(count),
	})
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func print(figures map[string]float64) {
	text, err := json.Marshal(figures)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func main() {
	number, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	if os.Args[1] == "parked" {
		parked(number)
		return
	}
	work := map[string]func(int){"pingPong": pingPong, "buffered": buffered, "select": selectReady}[os.Args[1]]
	const batch = 20_000
	work(batch)
	operations, start, cpuBefore := 0, time.Now(), cpuTime()
	for time.Since(start) < time.Duration(number)*time.Millisecond {
		work(batch)
		operations += batch
	}
	elapsed, cpu := time.Since(start), cpuTime()-cpuBefore
	print(map[string]float64{
		"nsPerOperation":    float64(elapsed.Nanoseconds()) / float64(operations),
		"cpuNsPerOperation": float64(cpu.Nanoseconds()) / float64(operations),
	})
}
